"""One request after another, and what its client makes of the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from benchmarks.load import senders
from benchmarks.load.arrivals import Arrival, Kind, Sound
from benchmarks.load.drive import run_arrivals
from benchmarks.load.senders import Answer, Sender, http_client

SOUND = Sound(name="x", path=Path("x.wav"), audio_s=10)


def arrival(kind: Kind = "rest", at_s: float = 0.0) -> Arrival:
    return Arrival(at_s=at_s, kind=kind, sound=SOUND, step=0)


def sender(service: Callable[[httpx.Request], httpx.Response] | httpx.AsyncBaseTransport) -> Sender:
    transport = service if isinstance(service, httpx.AsyncBaseTransport) else httpx.MockTransport(service)
    http = http_client("http://hark", patience_s=5, transport=transport)
    return Sender(url="http://hark", diarize=False, patience_s=5, http=http, contents={"x": b"sound"}, samples={})


async def sent(service: Callable[[httpx.Request], httpx.Response], kind: Kind = "rest") -> Answer:
    return await sender(service).send(arrival(kind), due_s=time.perf_counter())


@pytest.mark.parametrize("status", [429, 503])
async def test_a_refusal_is_known_with_whether_it_says_when_to_come_again(status: int) -> None:
    told = await sent(lambda _: httpx.Response(status, headers={"Retry-After": "3"}))
    untold = await sent(lambda _: httpx.Response(status))
    assert [(a.outcome, a.retry_after) for a in (told, untold)] == [("refused", True), ("refused", False)]


async def test_a_fault_has_the_service_s_own_name_or_that_of_the_connection_s() -> None:
    def gone(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone")

    assert (await sent(lambda _: httpx.Response(500, json={"error_code": "BROKEN"}))).outcome == "500 BROKEN"
    assert (await sent(gone)).outcome == "ReadError"


async def test_a_job_is_answered_when_it_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "_POLL_S", 0.0)
    states = iter(["queued", "running", "completed"])

    def service(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/uploads"):
            return httpx.Response(200, json={"job_id": "7", "upload_url": "http://hark/objects/7", "headers": {}})
        return httpx.Response(200, json={"status": next(states)} if request.method == "GET" else {})

    assert (await sent(service, "job")).ok
    assert not list(states)


async def test_a_slow_answer_keeps_nobody_from_being_sent() -> None:
    waiting, all_there = [], asyncio.Event()

    class Patient(httpx.AsyncBaseTransport):
        """Answers nobody until the third has come."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            waiting.append(request)
            if len(waiting) == 3:
                all_there.set()
            await all_there.wait()
            return httpx.Response(200)

    answers = await run_arrivals(sender(Patient()), [arrival(), arrival(), arrival()])
    assert [a.ok for a in answers] == [True] * 3


async def test_a_time_counts_from_when_a_request_was_due() -> None:
    answer = await sender(lambda _: httpx.Response(200)).send(arrival(), due_s=time.perf_counter() - 7)
    assert answer.took_s >= 7
