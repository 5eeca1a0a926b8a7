"""A paying account of a service under test, and its jobs."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx
import yaml
from cluster import OwnService, without_id

from configs.load import app_settings
from configs.settings import AppSettings
from configs.storage import open_database
from serve_app.adapters.database import Database
from serve_app.admission.keys import new_key

BOUNDED_S = 180.0
GRANTED = 100
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A paying account of the service, with the database beside it."""

    service: OwnService
    account_id: str
    http: httpx.Client

    @contextmanager
    def moved_to(self, service: OwnService) -> Iterator[Tenant]:
        """The same account after its service was started again elsewhere."""
        with _client(service, self.http.headers["Authorization"]) as http:
            yield replace(self, service=service, http=http)

    def in_database(self, work: Callable[[Database], Awaitable[Result]]) -> Result:
        return in_database(self.service, work)

    def slot(self, content_type: str = "audio/wav") -> dict[str, Any]:
        answer = self.http.post("/v1/stt/uploads", params={"content_type": content_type})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def begin(self, content: bytes, content_type: str = "audio/wav") -> str:
        """Upload a recording and start its job."""
        slot = self.slot(content_type)
        sent = put(slot["upload_url"], content, slot["headers"])
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


@contextmanager
def paying_tenant(service: OwnService) -> Iterator[Tenant]:
    """Make an account with credits and a key."""
    key = new_key()

    async def create(database: Database) -> str:
        account = await database.accounts.create(plan="paid")
        await database.keys.create(account.id, name="test", digest=key.digest, prefix=key.prefix)
        await database.ledger.grant(account.id, GRANTED, reference=str(uuid.uuid4()))
        return account.id

    account_id = in_database(service, create)
    with _client(service, f"Bearer {key.secret}") as http:
        yield Tenant(service=service, account_id=account_id, http=http)


def _client(service: OwnService, authorization: str) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers={"Authorization": authorization}, timeout=30, trust_env=False)


def put(url: str, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """Upload as a client does: to the URL it was given, without its credentials."""
    return httpx.put(url, content=content, headers=dict(headers), timeout=60, trust_env=False)


def settings_of(service: OwnService) -> AppSettings:
    return app_settings(yaml.safe_load(service.profile.read_text(encoding="utf-8")))


def in_database(service: OwnService, work: Callable[[Database], Awaitable[Result]]) -> Result:
    settings = settings_of(service)

    async def run() -> Result:
        database = open_database(settings.database, settings.data_path())
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
