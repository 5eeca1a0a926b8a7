"""How the client of jobs behaves towards a service that comes and goes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from benchmarks.common import job_client
from benchmarks.common.job_client import JobClient, JobRun

TRANSCRIPT = {"text": "Hello", "request_id": "1"}


class ShakyService:
    """Breaks a connection, or answers 503, before every answer that succeeds; remembers the requests."""

    def __init__(self, ending: str = "completed") -> None:
        self.ending = ending
        self.asked: list[tuple[str, str, str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.method, request.url.path, request.headers.get("Idempotency-Key")
        self.asked.append(asked)
        n_before = self.asked.count(asked) - 1
        if n_before == 0:
            raise httpx.ConnectError("nobody listens")
        if n_before == 1:
            return httpx.Response(503, json={"error_code": "DATABASE_UNAVAILABLE"})
        return httpx.Response(200, content=json.dumps(self.answer(request.url.path)))

    def answer(self, path: str) -> dict[str, Any]:
        if path.endswith("/uploads"):
            return {"job_id": "7", "upload_url": "http://hark/objects/7", "headers": {"Content-Type": "audio/wav"}}
        return TRANSCRIPT if path.endswith("/transcript") else {"job_id": "7", "status": self.ending}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_client, "_PAUSE_S", 0.0)


async def ran(service: Any, patience_s: float = 5.0) -> tuple[JobRun, JobClient]:
    async with httpx.AsyncClient(base_url="http://hark", transport=httpx.MockTransport(service)) as http:
        client = JobClient(http, patience_s=patience_s)
        return await client.run(JobRun(name="82 s", audio_s=82), b"sound"), client


async def test_a_client_brings_its_job_through_a_service_that_comes_and_goes() -> None:
    run, client = await ran(ShakyService())
    assert (run.status, run.fault, run.transcript) == ("completed", None, {"text": "Hello"})
    steps = ("slot", "upload", "start", "poll", "transcript")
    outcomes = ("ConnectError", "503 DATABASE_UNAVAILABLE", "200")
    assert client.seen == {(step, outcome): 1 for step in steps for outcome in outcomes}


async def test_what_charges_is_sent_again_as_the_same_request() -> None:
    service = ShakyService()
    await ran(service)
    keys = {(path, key) for method, path, key in service.asked if method == "POST"}
    assert len(keys) == 2
    assert all(key for _, key in keys)


async def test_a_failed_job_has_no_transcript() -> None:
    run, _ = await ran(ShakyService(ending="failed"))
    assert (run.status, run.transcript) == ("failed", None)


async def test_a_refusal_ends_the_run() -> None:
    run, _ = await ran(lambda _: httpx.Response(402, json={"error_code": "ZERO_BALANCE"}))
    assert (run.status, run.fault) == ("never begun", "slot: 402 ZERO_BALANCE")


async def test_a_client_loses_its_patience_with_a_service_that_never_answers() -> None:
    run, _ = await ran(lambda _: httpx.Response(503), patience_s=0.05)
    assert run.fault == "not done after 0.05 s"
