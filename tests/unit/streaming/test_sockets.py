"""Both dialects over the real session runner, with a made-up speaker behind it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from socket_world import QUIET, SECOND, HearsOneWord, received
from starlette.testclient import TestClient

from serve_app.api.streaming.app import SocketApp

# The platform dialect


def test_a_stream_says_ready_then_text_and_ends_with_all_of_it(app: Callable[..., SocketApp]) -> None:
    with TestClient(app("platform")).websocket_connect("/v1/stream") as socket:
        socket.send_json({"language": "en", "model": "large-v3-turbo"})
        assert socket.receive_json()["status"] == "ready"
        socket.send_bytes(SECOND)
        socket.send_bytes(QUIET)
        socket.send_json({"action": "stop"})
        *messages, last, closed = received(socket)

    assert "".join(m["text"] for m in messages) == "Hello."
    assert last == {
        "text": "Hello.",
        "is_final": True,
        "final": True,
        "duration": pytest.approx(2, abs=0.05),
        "language": "en",
    }
    assert closed == {"closed": 1000}


def test_an_empty_frame_right_after_speech_flushes_it(app: Callable[..., SocketApp]) -> None:
    with TestClient(app("platform")).websocket_connect("/v1/stream?language=en") as socket:
        socket.send_bytes(SECOND)
        socket.send_bytes(b"")
        messages = list(received(socket))

    assert messages[-2]["text"] == "Hello."


@pytest.mark.parametrize(
    ("frame", "code"),
    [("{", 1007), ("[1]", 1007), ('{"language": "xx"}', 1003), ('{"action": "dance"}', 1003)],
)
def test_a_bad_first_frame_is_explained_and_closed(app: Callable[..., SocketApp], frame: str, code: int) -> None:
    with TestClient(app("platform")).websocket_connect("/v1/stream") as socket:
        socket.send_text(frame)
        error, closed = received(socket)

    assert error["error"]
    assert error["error_code"]
    assert closed == {"closed": code}


def test_wrong_credentials_are_closed_with_1008(app: Callable[..., SocketApp]) -> None:
    with TestClient(app("platform", open_to="nobody")).websocket_connect("/v1/stream?token=sk_wrong") as socket:
        error, closed = received(socket)

    assert error["error_code"] == "UNAUTHENTICATED"
    assert closed == {"closed": 1008}


def test_one_session_too_many_is_told_to_come_back(app: Callable[..., SocketApp]) -> None:
    with TestClient(app("platform", max_sessions=0)).websocket_connect("/v1/stream?language=en") as socket:
        error, closed = received(socket)

    assert error["error_code"] == "STT_UPSTREAM_RATE_LIMIT"
    assert closed == {"closed": 1013}


def test_a_client_that_says_nothing_is_let_go(app: Callable[..., SocketApp]) -> None:
    with TestClient(app("platform", start_s=0.05)).websocket_connect("/v1/stream") as socket:
        *_, closed = received(socket)

    assert closed == {"closed": 1008}


def test_a_replica_that_dies_costs_no_words(app: Callable[..., SocketApp], recognizer: HearsOneWord) -> None:
    recognizer.failures = 2
    with TestClient(app("platform")).websocket_connect("/v1/stream?language=en") as socket:
        socket.send_bytes(SECOND)
        socket.send_bytes(b"")
        messages = list(received(socket))

    assert messages[-2]["text"] == "Hello."


def test_a_draining_service_sends_what_it_heard_and_closes_with_1012(app: Callable[..., SocketApp]) -> None:
    served = app("platform")
    with TestClient(served).websocket_connect("/v1/stream?language=en") as socket:
        assert socket.receive_json()["status"] == "ready"
        socket.send_bytes(SECOND + QUIET)
        while not socket.receive_json().get("speech_final"):
            pass
        socket.portal.call(served.drain)
        messages = list(received(socket))

    assert messages[-2]["text"] == "Hello."
    assert messages[-1] == {"closed": 1012}
    assert served.sessions == 0


def test_a_session_that_is_too_old_ends_with_what_was_heard_and_may_come_back(app: Callable[..., SocketApp]) -> None:
    now_s = [0.0]
    with TestClient(app("platform", clock=lambda: now_s[0], longest_s=60)).websocket_connect(
        "/v1/stream?language=en"
    ) as socket:
        socket.send_bytes(SECOND + QUIET)
        while not socket.receive_json().get("speech_final"):
            pass
        now_s[0] = 61
        socket.send_bytes(SECOND)
        messages = list(received(socket))

    assert messages[-2]["text"].startswith("Hello.")
    assert messages[-1] == {"closed": 1012}


# The 60db dialect

START = {"type": "start", "languages": ["en"], "config": {"sample_rate": 16000, "encoding": "linear"}}


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [m.get("type", "closed") for m in messages]


def talk_60db(app: SocketApp, start: dict[str, Any]) -> list[dict[str, Any]]:
    with TestClient(app).websocket_connect("/ws/stt") as socket:
        socket.send_json(start)
        socket.send_json({"type": "audio", "audio": base64.b64encode(SECOND).decode()})
        socket.send_json({"type": "stop"})
        return list(received(socket))


def test_a_60db_session_goes_from_connecting_to_its_bill(app: Callable[..., SocketApp]) -> None:
    messages = talk_60db(app("sixtydb"), START)

    assert types(messages)[:4] == ["connecting", "connection_established", "connected", "session_started"]
    finals = [m for m in messages if m.get("is_final")]
    assert [(m["text"], m["speech_final"]) for m in finals] == [("Hello.", True)]
    assert messages[-2]["type"] == "session_stopped"
    assert messages[-2]["billing_summary"]["total_duration_seconds"] == pytest.approx(1, abs=0.05)
    assert messages[-1] == {"closed": 1000}


def test_with_a_context_an_utterance_has_two_finals_of_one_sentence(app: Callable[..., SocketApp]) -> None:
    messages = talk_60db(app("sixtydb"), START | {"context": {"text": "a greeting", "terms": ["Hello"]}})

    finals = [m for m in messages if m.get("is_final")]
    assert [m["speech_final"] for m in finals] == [False, True]
    assert len({m["sentence_id"] for m in finals}) == 1


@pytest.mark.parametrize(
    "start",
    [
        START | {"languages": ["en", "fr", "de", "es", "it", "pt"]},
        START | {"config": {"sample_rate": 11025}},
        START | {"config": {"encoding": "opus"}},
        START | {"config": {"utterance_end_ms": 100}},
        {"type": "stop"},
    ],
)
def test_a_bad_start_is_explained_and_closed(app: Callable[..., SocketApp], start: dict[str, Any]) -> None:
    with TestClient(app("sixtydb")).websocket_connect("/ws/stt") as socket:
        socket.send_json(start)
        *_, error, closed = received(socket)

    assert error["type"] == "error"
    assert closed == {"closed": 1003}


def test_sound_before_the_start_is_refused(app: Callable[..., SocketApp]) -> None:
    with TestClient(app("sixtydb")).websocket_connect("/ws/stt") as socket:
        socket.send_bytes(SECOND)
        *_, closed = received(socket)

    assert closed == {"closed": 1003}


def test_a_test_message_is_answered_before_and_after_the_start(app: Callable[..., SocketApp]) -> None:
    with TestClient(app("sixtydb")).websocket_connect("/ws/stt") as socket:
        for message in ({"type": "test"}, START, {"type": "test"}, {"type": "stop"}):
            socket.send_json(message)
        assert types(list(received(socket))).count("test_response") == 2


def test_a_plain_get_of_the_60db_route_is_answered_ok(app: Callable[..., SocketApp]) -> None:
    response = TestClient(app("sixtydb")).get("/ws/stt")

    assert (response.status_code, response.text) == (200, "ok")


def test_no_lease_is_left_behind(app: Callable[..., SocketApp]) -> None:
    served = app("platform")
    with TestClient(served).websocket_connect("/v1/stream?language=en") as socket:
        socket.send_bytes(SECOND)
    deadline_s = time.monotonic() + 5
    while served.sessions and time.monotonic() < deadline_s:
        pass
    assert served.sessions == 0
