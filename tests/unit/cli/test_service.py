"""Finding a service, or starting one and leaving nothing of it behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import httpx
import pytest

from serve_app.cli.service import ServiceError, answers, started_service

FAKE = (sys.executable, str(Path(__file__).with_name("fake_service.py")))
NOBODY = "http://127.0.0.1:9"  # the discard port: nobody listens there


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_started_service_answers_inside_the_block_and_is_gone_after_it() -> None:
    with started_service(FAKE) as url:
        assert answers(url)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", trust_env=False)


def test_children_of_the_service_are_gone_too(tmp_path: Path) -> None:
    with started_service((*FAKE, "--child", str(tmp_path / "child"))):
        child = int((tmp_path / "child").read_text(encoding="ascii"))
        assert is_alive(child)
    deadline_s = time.monotonic() + 10
    while is_alive(child):  # killed; it is for init to take note
        assert time.monotonic() < deadline_s
        os.sched_yield()


def test_a_service_that_ignores_the_interrupt_is_killed(tmp_path: Path) -> None:
    with started_service((*FAKE, "--stubborn"), stop_s=0.2) as url:
        assert answers(url)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", trust_env=False)


def test_it_is_stopped_when_the_block_is_interrupted() -> None:
    with pytest.raises(KeyboardInterrupt), started_service(FAKE) as url:
        raise KeyboardInterrupt
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", trust_env=False)


def test_a_service_that_dies_at_the_start_is_quoted() -> None:
    with pytest.raises(ServiceError, match="no weights here"), started_service((*FAKE, "--words", "no weights here")):
        pytest.fail("the block must not be entered")


def test_a_service_that_is_never_ready_is_given_up() -> None:
    sleeper = (sys.executable, "-c", "import time; time.sleep(600)")
    with pytest.raises(ServiceError, match="not ready in time"), started_service(sleeper, start_s=0.5, stop_s=0.2):
        pytest.fail("the block must not be entered")


def test_nobody_at_an_address_of_this_machine_is_simply_no() -> None:
    assert not answers(NOBODY)


def test_nobody_at_another_machine_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx.Client, "get", refuse)
    with pytest.raises(ServiceError, match=r"Nobody listens at http://far\.example"):
        answers("http://far.example:8000")


@pytest.mark.parametrize("content", [{"hello": "world"}, [1, 2]])
def test_another_program_at_the_port_is_not_taken_for_the_service(
    monkeypatch: pytest.MonkeyPatch, content: object
) -> None:
    monkeypatch.setattr(httpx.Client, "get", lambda *_, **__: httpx.Response(200, json=content))
    with pytest.raises(ServiceError, match="is not Hark"):
        answers("http://127.0.0.1:8000")


def test_a_service_that_stays_unready_is_told_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx.Client, "get", lambda *_, **__: httpx.Response(503, json={"status": "starting"}))
    with pytest.raises(ServiceError, match=r"not ready .*starting"):
        answers("http://127.0.0.1:8000", patience_s=-1)
