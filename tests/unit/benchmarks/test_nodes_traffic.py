"""Clients of a service that loses its parts: what they send again, and what they make of the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from benchmarks.nodes import traffic
from benchmarks.nodes.traffic import OK, UNSTORED, WRONG, Asked, Client, Patience, Sent

WORDS = Sent(name="words", content=b"sound", fields={"diarize": "false"})
STREAM = Sent(name="stream", content=b"sound", fields={"stream": "true"})
TRANSCRIPT: dict[str, Any] = {"text": "Hello"}
GOOD = httpx.Response(200, json={**TRANSCRIPT, "request_id": "1", "transcript_id": "2"})
OURS = {"X-Request-ID": "1"}
AWAY = httpx.Response(503, json={"error_code": "DATABASE_UNAVAILABLE"}, headers={"Retry-After": "7", **OURS})
OF_THE_PROXY = httpx.Response(502, text="Bad Gateway")
BAD_FILE = httpx.Response(400, json={"error_code": "CORRUPT_MEDIA"}, headers=OURS)


def events(*messages: tuple[str, object]) -> httpx.Response:
    lines = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in messages)
    return httpx.Response(200, content=lines.encode())


def broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("the connection broke", request=request)


@pytest.fixture
def paused_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that clients make, which take no time."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(traffic.asyncio, "sleep", sleep)
    return pauses


async def asked(
    *answers: httpx.Response | Callable[[httpx.Request], httpx.Response],
    patience: Patience = "as told",
    thing: Sent = WORDS,
) -> Asked:
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        following = left.pop(0)
        return following(request) if callable(following) else following

    async with httpx.AsyncClient(base_url="http://hark", transport=httpx.MockTransport(answer)) as http:
        client = Client(http, patience, [thing], undisturbed={thing.name: TRANSCRIPT})
        done = await client.ask(thing)
    assert client.asked == [done]
    return done


async def test_an_answer_is_compared_with_the_undisturbed_one() -> None:
    assert (await asked(GOOD)).outcomes == [OK]
    assert (await asked(httpx.Response(200, json={"text": "Hell"}))).outcomes == [WRONG]


async def test_an_answer_that_was_not_stored_is_told_from_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def warned(*codes: str) -> dict[str, Any]:
        return {"warnings": [{"code": code} for code in codes], "warning_codes": [*codes]}

    monkeypatch.setitem(TRANSCRIPT, "warnings", [{"code": "other"}])
    monkeypatch.setitem(TRANSCRIPT, "warning_codes", ["other"])
    both = warned("other", "not_stored")

    assert (await asked(httpx.Response(200, json={**TRANSCRIPT, **both}))).outcomes == [UNSTORED]
    assert (await asked(httpx.Response(200, json={"text": "Hell", **both}))).outcomes == [WRONG]
    assert (await asked(httpx.Response(200, json={**TRANSCRIPT, **warned("not_stored")}))).outcomes == [WRONG]


async def test_a_client_sends_again_once_after_the_time_it_is_told(paused_s: list[float]) -> None:
    assert (await asked(AWAY, GOOD)).outcomes == ["503 DATABASE_UNAVAILABLE", OK]
    assert paused_s == [7.0]


async def test_a_client_sends_again_what_broke_without_a_word(paused_s: list[float]) -> None:
    assert (await asked(broken, GOOD)).outcomes == ["ReadError", OK]
    assert (await asked(OF_THE_PROXY, GOOD)).outcomes == ["502 of the proxy", OK]
    assert paused_s == [1.0, 1.0]


async def test_a_client_gives_up_after_the_second_time(paused_s: list[float]) -> None:
    done = await asked(AWAY, AWAY)
    assert (done.failed, len(done.outcomes)) == (True, 2)


async def test_nobody_sends_again_what_will_fail_again() -> None:
    assert (await asked(BAD_FILE)).outcomes == ["400 CORRUPT_MEDIA"]


async def test_a_plain_client_takes_the_first_answer() -> None:
    assert (await asked(AWAY, patience="plain")).failed


async def test_a_stream_is_what_its_last_event_says() -> None:
    progress = "progress", {"done": 0.5}
    done = "done", {"transcript": TRANSCRIPT}
    error = "error", {"error_code": "INTERNAL_ERROR"}
    assert (await asked(events(progress, done), thing=STREAM)).outcomes == [OK]
    assert (await asked(events(progress, error), thing=STREAM, patience="plain")).outcomes == ["event INTERNAL_ERROR"]
    assert (await asked(events(progress), thing=STREAM, patience="plain")).outcomes == ["the stream broke off"]


async def test_clients_ask_until_they_are_stopped() -> None:
    stop, left = asyncio.Event(), 5

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal left
        left -= 1
        if not left:
            stop.set()
        return httpx.Response(200, json=TRANSCRIPT)

    async with httpx.AsyncClient(base_url="http://hark", transport=httpx.MockTransport(answer)) as http:
        client = Client(http, "plain", [WORDS], undisturbed={"words": TRANSCRIPT})
        await client.run(stop)
    assert [each.outcome for each in client.asked] == [OK] * 5
