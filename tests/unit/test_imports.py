"""What may be imported where: the rules that import-linter cannot see, because the imports happen at run time."""

import importlib
import subprocess
import sys

import pytest


def test_importing_ray_in_a_unit_test_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ray", raising=False)  # another suite of this run may have imported it
    with pytest.raises(ImportError, match="belong in tests/serve"):
        importlib.import_module("ray")


@pytest.mark.parametrize(
    "module",
    ["deployments.local", "deployments.engines.pyav", "serve_app.pipeline.transcribe", "configs.load", "serve_app.cli"],
)
def test_a_module_below_the_deployments_loads_no_machinery(module: str) -> None:
    heavy = {"ray", "torch", "ctranslate2", "onnxruntime", "pyannote", "av", "scipy"}
    script = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert loaded.stdout.split() == []
