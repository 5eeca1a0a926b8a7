"""Jobs on the running service: the walk of the contract, and what they survive."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import psutil
import pytest
import yaml
from cluster import OwnService, repeated_meeting, without_id

from configs.load import app_settings
from configs.storage import embedded_server, open_database
from serve_app.adapters.database import Database
from serve_app.admission.keys import new_key

BOUNDED_S = 180.0
Result = TypeVar("Result")


@dataclass(kw_only=True)
class Tenant:
    """A paying account of the service, with the database beside it."""

    service: OwnService
    account_id: str
    http: httpx.Client

    def in_database(self, work: Callable[[Database], Awaitable[Result]]) -> Result:
        return in_database(self.service, work)

    def begin(self, content: bytes) -> str:
        """Upload a recording and start its job."""
        slot = self.http.post("/v1/stt/uploads", params={"content_type": "audio/wav"}).json()
        sent = httpx.put(slot["upload_url"], content=content, headers=slot["headers"], timeout=60, trust_env=False)
        assert sent.status_code == 200, sent.text
        started = self.http.post(f"/v1/stt/jobs/{slot['job_id']}/start", json={"language": "en"})
        assert (started.status_code, started.json()["status"]) == (202, "queued")
        return str(slot["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").json()
        return found

    def wait(self, job_id: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll until the job has got so far; answers that fail meanwhile are those of a service that recovers."""
        deadline_s = time.monotonic() + BOUNDED_S
        while True:
            try:
                answer = self.http.get(f"/v1/jobs/{job_id}")
                job = answer.json() if answer.status_code == 200 else None
            except httpx.HTTPError:
                job = None
            if job is not None:
                if reached(job):
                    return dict(job)
                assert job["status"] in {"queued", "processing"}, job
            assert time.monotonic() < deadline_s, job
            time.sleep(0.2)

    def finished(self, job_id: str) -> dict[str, Any]:
        """Wait for the job to complete and return its transcript, without what differs by run."""
        self.wait(job_id, lambda job: job["status"] == "completed")
        answer = self.http.get(f"/v1/stt/jobs/{job_id}/transcript")
        assert answer.status_code == 200
        assert answer.json()["transcript_id"] == job_id
        return without_id(answer.json())

    def ledger(self) -> Counter[str]:
        lines = self.in_database(lambda database: database.ledger.entries(self.account_id, limit=500))
        return Counter(line.kind for line in lines)

    def balance(self) -> int:
        return self.in_database(lambda database: database.ledger.balance(self.account_id))


def in_database(service: OwnService, work: Callable[[Database], Awaitable[Result]]) -> Result:
    settings = app_settings(yaml.safe_load(service.profile.read_text(encoding="utf-8")))

    async def run() -> Result:
        database = open_database(settings.database, settings.data_path())
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


@pytest.fixture
def tenant(service: OwnService) -> Iterator[Tenant]:
    key = new_key()

    async def create(database: Database) -> str:
        account = await database.accounts.create(plan="paid")
        await database.keys.create(account.id, name="test", digest=key.digest, prefix=key.prefix)
        await database.ledger.grant(account.id, 100, reference=str(uuid.uuid4()))
        return account.id

    account_id = in_database(service, create)
    headers = {"Authorization": f"Bearer {key.secret}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=30, trust_env=False) as http:
        yield Tenant(service=service, account_id=account_id, http=http)


@pytest.fixture(scope="session")
def recording() -> bytes:
    """A hundred seconds of a meeting: two credits."""
    return repeated_meeting(1)


@pytest.fixture(scope="session")
def expected(service: OwnService, recording: bytes) -> dict[str, Any]:
    """What the same recording gives when it is sent with a request."""
    return service.transcript(recording)


def test_a_job_gives_the_transcript_of_a_request_and_is_charged_once(
    tenant: Tenant, recording: bytes, expected: dict[str, Any]
) -> None:
    job_id = tenant.begin(recording)
    seen = tenant.wait(job_id, lambda job: 0 < job["progress"] < 1)
    assert (seen["status"], seen["credits_reserved"]) == ("processing", 2)
    assert tenant.finished(job_id) == expected
    assert (tenant.job(job_id)["attempts"], tenant.job(job_id)["credits_charged"]) == (1, 2)
    assert tenant.ledger() == {"grant": 1, "reserve": 1, "capture": 1}
    for text_format, start in (("txt", ""), ("srt", "1\n"), ("vtt", "WEBVTT")):
        answer = tenant.http.get(f"/v1/stt/jobs/{job_id}/transcript", params={"format": text_format})
        assert answer.status_code == 200
        assert answer.text.startswith(start)


@pytest.mark.parametrize("deployment", ["job-worker", "ingress", "recognizer-base", "media"])
def test_a_job_survives_the_death_of_a_replica(
    tenant: Tenant, recording: bytes, expected: dict[str, Any], deployment: str
) -> None:
    victims = tenant.service.replicas(deployment)
    job_id = tenant.begin(recording)
    tenant.wait(job_id, lambda job: job["progress"] > 0.2)
    for victim in victims:
        victim.kill()
    assert tenant.finished(job_id) == expected
    assert tenant.job(job_id)["attempts"] == (2 if deployment == "job-worker" else 1)
    tenant.service.wait_until_ready({})
    assert tenant.ledger() == {"grant": 1, "reserve": 1, "capture": 1}
    assert tenant.balance() == 98


def test_a_job_survives_the_death_of_the_database(tenant: Tenant, recording: bytes, expected: dict[str, Any]) -> None:
    settings = app_settings(yaml.safe_load(tenant.service.profile.read_text(encoding="utf-8")))
    job_id = tenant.begin(recording)
    tenant.wait(job_id, lambda job: job["progress"] > 0.2)
    postmaster = embedded_server(settings.data_path()).pid()
    assert postmaster is not None
    psutil.Process(postmaster).kill()
    assert tenant.finished(job_id) == expected
    assert tenant.ledger() == {"grant": 1, "reserve": 1, "capture": 1}


def test_a_cancelled_job_stops_and_costs_nothing(tenant: Tenant, recording: bytes) -> None:
    job_id = tenant.begin(recording)
    tenant.wait(job_id, lambda job: job["progress"] > 0.1)
    assert tenant.http.delete(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"
    assert tenant.balance() == 100
    other = tenant.begin(recording)
    tenant.wait(other, lambda job: job["status"] == "completed")
    assert (tenant.job(job_id)["status"], tenant.balance()) == ("cancelled", 98)
