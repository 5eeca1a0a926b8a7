"""The second final of an utterance in a session with a context: it always comes, and soon."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from socket_world import QUIET, SECOND, received
from starlette.testclient import TestClient

from serve_app.api.streaming.app import SocketApp
from serve_app.errors import ModelLoading
from serve_app.ports.streaming import RefineContext

PLAIN = {"type": "start", "languages": ["en"], "config": {"sample_rate": 16000}}
WITH_CONTEXT = PLAIN | {"context": {"text": "a greeting", "terms": ["Hallo"]}}


class Refining:
    """A Refiner that writes in capitals at once, and then what `refine` makes of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def correct(self, text: str, *, language: str | None, context: RefineContext) -> str:
        return text.upper()

    async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
        self.asked.append(text)
        return f"{text} ({', '.join(context.terms)}, {language})"


class Hanging(Refining):
    """Never answers; notes who gave up on it."""

    def __init__(self) -> None:
        super().__init__()
        self.given_up = threading.Event()

    async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()
        return text


class Failing(Refining):
    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self._fault = fault

    async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
        raise self._fault


class FailingAtOnce(Failing):
    def correct(self, text: str, *, language: str | None, context: RefineContext) -> str:
        raise self._fault


def finals_of(app: SocketApp, start: dict[str, Any] = WITH_CONTEXT, *, utterances: int = 1) -> list[tuple[str, bool]]:
    """Return the texts of a session's finals, and whether each is the canonical one."""
    with TestClient(app).websocket_connect("/ws/stt") as socket:
        socket.send_json(start)
        for _ in range(utterances):
            socket.send_bytes(SECOND + QUIET)
        socket.send_json({"type": "stop"})
        *messages, stopped, closed = received(socket)
    assert stopped["type"] == "session_stopped"
    assert closed == {"closed": 1000}
    return [(m["text"], m["speech_final"]) for m in messages if m.get("is_final")]


def test_the_first_final_is_corrected_and_the_second_refined(app: Callable[..., SocketApp]) -> None:
    assert finals_of(app("sixtydb", refiner=Refining())) == [("HELLO.", False), ("HELLO. (Hallo, en)", True)]


def test_without_a_context_nothing_is_refined(app: Callable[..., SocketApp]) -> None:
    refiner = Refining()

    assert finals_of(app("sixtydb", refiner=refiner), PLAIN) == [("Hello.", True)]
    assert refiner.asked == []


def test_who_does_not_answer_in_time_is_given_up_on(app: Callable[..., SocketApp]) -> None:
    refiner = Hanging()

    assert finals_of(app("sixtydb", refiner=refiner, refine_s=0.05)) == [("HELLO.", False), ("HELLO.", True)]
    assert refiner.given_up.is_set()


def test_utterances_that_wait_together_hold_the_end_up_no_longer_than_one(app: Callable[..., SocketApp]) -> None:
    began_s = time.monotonic()
    finals = [canonical for _, canonical in finals_of(app("sixtydb", refiner=Hanging(), refine_s=1.0), utterances=8)]
    lasted_s = time.monotonic() - began_s

    assert finals.count(True) == finals.count(False) > 3
    assert lasted_s < finals.count(True) - 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [(ModelLoading("Hello is on its way.", retry_after_s=5), "MODEL_LOADING"), (ValueError("Hello"), "ValueError")],
)
def test_of_a_failure_the_log_knows_a_code_only(
    app: Callable[..., SocketApp], caplog: pytest.LogCaptureFixture, fault: Exception, code: str
) -> None:
    with caplog.at_level(logging.DEBUG, logger="hark"):
        assert finals_of(app("sixtydb", refiner=Failing(fault))) == [("HELLO.", False), ("HELLO.", True)]

    assert f'"event": "not_refined", "error_code": "{code}"' in caplog.text
    assert "hello" not in caplog.text.lower()


def test_a_correction_that_fails_leaves_the_text_as_it_was_heard(app: Callable[..., SocketApp]) -> None:
    refiner = FailingAtOnce(RuntimeError("Hello"))

    assert finals_of(app("sixtydb", refiner=refiner)) == [("Hello.", False), ("Hello.", True)]


def test_the_model_is_left_alone_once_the_client_has_gone(app: Callable[..., SocketApp]) -> None:
    refiner = Hanging()
    with TestClient(app("sixtydb", refiner=refiner, refine_s=60)).websocket_connect("/ws/stt") as socket:
        socket.send_json(WITH_CONTEXT)
        socket.send_bytes(SECOND + QUIET)
        while not socket.receive_json().get("is_final"):
            pass
        assert not refiner.given_up.is_set()
        socket.close()
        assert refiner.given_up.wait(5)


def test_a_context_too_large_to_look_at_is_cut(app: Callable[..., SocketApp]) -> None:
    seen: list[RefineContext] = []

    class Looking(Refining):
        async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
            seen.append(context)
            return text

    context = {"text": "x" * 100_000, "terms": ["y" * 1_000] * 10_000, "general": [{"key": "k", "value": None}] * 1_000}
    finals_of(app("sixtydb", refiner=Looking()), PLAIN | {"context": context})

    assert len(seen[0].text) + sum(map(len, seen[0].terms)) < 50_000
    assert set(seen[0].facts) == {("k", "")}
