"""What `hark doctor` looks at among the libraries: those that are needed are there, and can be imported."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from serve_app.cli.checks import Finding

_PROBE_S = 120.0  # importing torch from a cold disk takes most of a minute


def look_for_packages() -> list[Finding]:
    needed = ("ctranslate2", "faster_whisper", "onnxruntime", "av", "fastapi", "httpx", "pip")
    missing = [name for name in needed if not _findable(name)]
    if not missing:
        return []
    return [
        Finding(
            level="blocks",
            what=f"missing Python packages: {', '.join(missing)}",
            remedy=f"{sys.executable} -m ensurepip; {sys.executable} -m pip install -e .",
        )
    ]


def _findable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def look_at_ray() -> Finding:
    worked, said = _python("import ray; from ray import serve; print(ray.__version__)")
    if worked:
        return Finding(level="ok", what=f"Ray {said}")
    return Finding(level="blocks", what=f"Ray Serve cannot be imported ({said})", remedy='pip install "ray[serve]"')


def look_at_torch(profile: str) -> list[Finding]:
    if profile != "gpu":
        return []  # on CPUs the diarizer runs on ONNX
    worked, said = _python("import torch; print(torch.__version__, torch.version.cuda or 'cpu')")
    if not worked:
        return [Finding(level="blocks", what=f"torch cannot be imported ({said})", remedy="pip install -e '.[gpu]'")]
    version, _, build = said.partition(" ")
    found = [Finding(level="ok", what=f"torch {version} ({'CPU' if build == 'cpu' else 'CUDA ' + build})")]
    worked, said = _python("import torchaudio; print(torchaudio.__version__)")
    if worked:
        return [*found, Finding(level="ok", what=f"torchaudio {said}")]
    return [*found, judge_torchaudio(said, torch_is_cpu=build == "cpu")]


def judge_torchaudio(fault: str, *, torch_is_cpu: bool) -> Finding:
    if torch_is_cpu and any(sign in fault for sign in ("libcudart", "libtorch_cuda", "Could not load this library")):
        return Finding(
            level="ok", what="torchaudio is built for CUDA beside a CPU torch: fine, only its Python parts are used"
        )
    return Finding(
        level="blocks", what=f"torchaudio cannot be imported ({fault})", remedy="install the build that fits torch"
    )


def _python(code: str) -> tuple[bool, str]:
    """Run a line in a fresh interpreter, so that a library that aborts takes only that one along."""
    try:
        ran = subprocess.run(  # noqa: S603 - our own interpreter and our own line
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=_PROBE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"it took more than {_PROBE_S:.0f} s"
    said = (ran.stdout if ran.returncode == 0 else ran.stderr).strip().splitlines()
    return ran.returncode == 0, said[-1] if said else f"exit status {ran.returncode}"
