"""What `hark bench kills` says of a service, and how its client behaves towards one that comes and goes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import httpx
import pytest

from benchmarks import job_client
from benchmarks.job_client import JobClient, JobRun
from benchmarks.kills import is_replica
from benchmarks.kills_report import Aftermath, kills_report

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


def aftermath(**changes: Any) -> Aftermath:
    usual: dict[str, Any] = {
        "entries": Counter(grant=1, reserve=3, capture=3),
        "granted": 100,
        "balance": 91,
        "charged": 9,
        "unbalanced": 0,
        "unlike": 0,
    }
    return Aftermath(**usual | changes)


def what_became(found: Aftermath) -> dict[str, str]:
    runs = [
        JobRun(name="82 s", audio_s=82, job={"status": "completed", "attempts": 3}, took_s=40),
        JobRun(name="82 s", audio_s=82, job={"status": "processing", "attempts": 1}, fault="not done after 9 s"),
    ]
    calm = {"82 s": JobRun(name="82 s", audio_s=82, took_s=10)}
    seen = Counter({("poll", "200"): 8, ("slot", "200"): 2, ("slot", "ConnectError"): 1})
    report = kills_report(runs, calm, {"media": 2}, seen, found, seed=1, command="hark bench kills")
    killed, became, times, told = report.tables
    assert killed.rows == [["media", "2"]]
    assert times.rows[0] == ["82 s", "10", "40", "3"]
    assert told.rows == [["slot", "200", "2"], ["slot", "ConnectError", "1"], ["poll", "200", "8"]]
    return {row[0]: row[1] for row in became.rows}


def test_the_report_tells_what_became_of_the_jobs() -> None:
    found = what_became(aftermath())
    assert (found["jobs"], found["of them completed"], found["of them processing"]) == ("2", "1", "1")
    assert found["clients that gave up"] == "1"
    assert found["attempts, most of one job"] == "3"
    assert found["balance is what was granted less what was charged"] == "yes"


@pytest.mark.parametrize("changes", [{"balance": 90}, {"unbalanced": 1}, {"charged": 8}])
def test_a_ledger_that_does_not_add_up_is_told(changes: dict[str, int]) -> None:
    assert what_became(aftermath(**changes))["balance is what was granted less what was charged"] == "NO"


def test_credits_that_were_set_aside_and_forgotten_are_told() -> None:
    found = what_became(aftermath(entries=Counter(reserve=5, capture=3, release=1)))
    assert found["credits set aside and never settled"] == "1"


@pytest.mark.parametrize(
    ("title", "is_one"),
    [
        ("ray::ServeReplica:hark:media", True),
        ("ray::ServeReplica:hark:media.decode", True),
        ("ray::ServeReplica:hark:media2", False),
        ("ray::ServeReplica:hark-stream:media", False),
        ("grep ray::ServeReplica:hark:media", False),
    ],
)
def test_replicas_are_known_by_the_titles_of_their_processes(title: str, is_one: bool) -> None:
    assert is_replica(title, "media") is is_one
