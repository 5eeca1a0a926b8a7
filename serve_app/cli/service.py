"""The service a command talks to: one that answers already, or one started for the call and stopped after it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

START_S = 300.0  # Ray, its deployments and their models on a busy two-core machine
STOP_S = 45.0  # draining what runs
_POLL_S = 0.25
_LOG_LINES = 15


class ServiceError(Exception):
    """No service can be talked to; the message is a sentence that says what to do."""


def answers(url: str, *, patience_s: float = START_S) -> bool:
    """Return whether a ready Hark is at the URL, waiting for one that is starting.

    False if nobody listens at an address of this machine; ServiceError for anything else that is in the way.
    """
    deadline_s = time.monotonic() + patience_s
    with httpx.Client(timeout=10, trust_env=False) as client:
        while True:
            try:
                response = client.get(f"{url}/health")
                health = response.json()
            except httpx.ConnectError as fault:
                if urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}:
                    return False
                raise ServiceError(
                    f"Nobody listens at {url}: check the address, or leave --url out to start a service here."
                ) from fault
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
                raise ServiceError(f"What answers at {url} is not Hark ({type(fault).__name__}).") from fault
            if not isinstance(health, dict) or "status" not in health:
                raise ServiceError(f"What answers at {url} is not Hark (there is no status in its /health).")
            if response.status_code == httpx.codes.OK:
                return True
            if time.monotonic() > deadline_s:
                raise ServiceError(f"The service at {url} is not ready (its status is {health['status']!r}).")
            time.sleep(_POLL_S)


@contextlib.contextmanager
def started_service(
    command: Sequence[str] = (sys.executable, "-m", "serve_app.cli", "serve"),
    *,
    environment: Mapping[str, str] | None = None,
    start_s: float = START_S,
    stop_s: float = STOP_S,
) -> Iterator[str]:
    """Run `command --port N` for the block, by default in our own environment; yield its URL once it is ready.

    It leads a process group of its own, and the whole group is gone afterwards, whatever ended the block.
    """
    with tempfile.NamedTemporaryFile(prefix="hark-serve-", suffix=".log") as log:
        port = _free_port()
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches this command alone, which then stops the service in order
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(process, url, Path(log.name), deadline_s=time.monotonic() + start_s)
            yield url
        finally:
            stop_group(process, patience_s=stop_s)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path, *, deadline_s: float) -> None:
    with httpx.Client(timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline_s:
            if process.poll() is not None:
                raise ServiceError(f"The service stopped while it was starting. Its last words:\n{_tail(log)}")
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"{url}/health").status_code == httpx.codes.OK:
                    return
            time.sleep(_POLL_S)
    raise ServiceError(f"The service was not ready in time; `hark doctor` may know why. Its last words:\n{_tail(log)}")


def stop_group(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """Interrupt the leader of a process group, wait for it, and kill whatever of the group is left."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience_s)
    finally:  # a second Ctrl-C cuts the patience short, not the cleaning up
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:]) or "(it said nothing)"
