"""Other servers on this machine: each in an environment of its own, asked over HTTP, stopped with what they started."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.common.errors import PeerFailed
from benchmarks.library_peers.base import RECOGNIZER_WEIGHTS
from benchmarks.library_peers.process import Conditions

PLAIN = "FastAPI + faster-whisper"
WHISPERX = "FastAPI + whisperX, no word times"
_START_S = 120.0
_NICENESS_VARIABLE, _RAY_NICENESS = "RAY_worker_niceness", "15"
_WHISPERX_PACKAGES = ("whisperx", "fastapi", "uvicorn", "python-multipart")
_SCRIPT = Path(__file__).with_name("server.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running peer."""

    name: str
    url: str
    pid: int


@contextlib.contextmanager
def running_server(name: str, conditions: Conditions, *, python: str = sys.executable) -> Iterator[Server]:
    """Run a peer for the block; it has loaded its model when the block begins."""
    library = {PLAIN: "faster-whisper", WHISPERX: "whisperx"}[name]
    port = _free_port()
    weights = conditions.weights / RECOGNIZER_WEIGHTS
    # Beside the script lie modules of ours, of which another environment's packages must see nothing: -P.
    command = [python, "-P", str(_SCRIPT), "--library", library, "--weights", str(weights)]
    command += ["--port", str(port), "--threads", str(conditions.threads)]
    # Ray's workers stand back for other programs: on a machine that is not quiet, who does not would look faster.
    command = ["nice", "-n", os.environ.get(_NICENESS_VARIABLE, _RAY_NICENESS), *command]
    environment = {n: v for n, v in conditions.environment().items() if n not in {"PYTHONPATH", "PYTHONHOME"}}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            if not _answers(process, url):
                log.seek(0)
                raise PeerFailed(f"{name} did not start: {log.read()[-1500:]}")
            yield Server(name=name, url=url, pid=process.pid)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def whisperx_python(folder: Path) -> str:
    """Return the interpreter of a virtual environment with whisperX, made and filled with pip when it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        made = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", *_WHISPERX_PACKAGES],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise PeerFailed(f"whisperX does not install: {made.stderr[-500:]}")
    return str(python)


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline_s = time.monotonic() + _START_S
    with httpx.Client(timeout=5, trust_env=False) as client:
        while process.poll() is None and time.monotonic() < deadline_s:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"{url}/health").is_success:
                    return True
            time.sleep(0.25)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cores() -> int:
    """Return how many cores everybody has here."""
    return len(os.sched_getaffinity(0))
