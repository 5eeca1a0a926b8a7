"""What `hark doctor` finds among the libraries."""

from __future__ import annotations

import pytest

from serve_app.cli import checks_packages
from serve_app.cli.checks_packages import judge_torchaudio

_OTHER_CUDA = "OSError: libcudart.so.13: cannot open"


@pytest.mark.parametrize(
    ("fault", "torch_is_cpu", "level"),
    [
        (_OTHER_CUDA, True, "ok"),
        (_OTHER_CUDA, False, "blocks"),
        ("ModuleNotFoundError: No module named 'torchaudio'", True, "blocks"),
    ],
)
def test_a_torchaudio_for_cuda_is_fine_only_beside_a_cpu_torch(fault: str, torch_is_cpu: bool, level: str) -> None:
    assert judge_torchaudio(fault, torch_is_cpu=torch_is_cpu).level == level


def test_a_library_that_kills_its_interpreter_is_survived() -> None:
    assert checks_packages._python("import os; os.abort()")[0] is False
    assert checks_packages._python("print('noise'); print('1.2')") == (True, "1.2")
