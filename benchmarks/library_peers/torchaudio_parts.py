"""Make torchaudio's Python parts importable where its native extension cannot load."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn


def ensure_torchaudio() -> None:
    """Import torchaudio, without its extension if need be.

    The registry's torchaudio links CUDA and fails to load beside a CPU-only torch with OSError. pyannote.audio needs
    only its filterbank features and resampling, which are written in Python.
    """
    try:
        import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _absent_extension()
        import_module("torchaudio")


def _absent_extension() -> ModuleType:
    extension: Any = ModuleType("torchaudio._extension")
    extension.__path__ = []
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None

    def fail_if_no_align(function: object) -> object:
        def refuse(*_args: object, **_kwargs: object) -> NoReturn:
            raise RuntimeError("torchaudio was loaded without its extension")

        return refuse

    extension.fail_if_no_align = fail_if_no_align
    module: ModuleType = extension
    return module
