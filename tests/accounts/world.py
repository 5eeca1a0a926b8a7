"""What the tests of accounts know of their service: its database, its log files, and every secret in use."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import time
import uuid
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cluster import OwnService, repeated_meeting
from token_issuer import Issuer

from configs.settings import AppSettings
from configs.storage import embedded_server
from serve_app.adapters.database import Database
from serve_app.admission.keys import new_key

HOLD_S = 6.0  # what a crashed replica held is free again after this
PLANS: dict[str, dict[str, Any]] = {
    "anonymous": {"concurrency": 1, "requests_per_day": 3, "max_file_bytes": 1_000_000},
    "two": {"concurrency": 2},
    "four": {"concurrency": 4},
    "prepaid": {"charged": True},
}


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """An account with a key of its own."""

    id: str
    key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(kw_only=True)
class AccountsWorld:
    """A service in keys mode with two ingress replicas."""

    service: OwnService
    settings: AppSettings
    issuer: Issuer
    session_logs: Path  # of Ray
    terminal: Path  # what `hark serve` printed
    secrets: set[str] = field(default_factory=set, repr=False)  # none of them may appear anywhere in clear
    errors: list[str] = field(default_factory=list, repr=False)  # bodies of answers that refuse

    @property
    def database_url(self) -> str:
        return embedded_server(self.settings.data_path()).url

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        database = Database(self.database_url)
        try:
            yield database
        finally:
            await database.close()

    async def new_tenant(self, *, credits: int = 0, expires_at: datetime | None = None, **account: Any) -> Tenant:
        async with self.database() as database:
            made, key = await database.accounts.create(**account), new_key()
            await database.keys.create(
                made.id, name="test", digest=key.digest, prefix=key.prefix, expires_at=expires_at
            )
            if credits:
                await database.ledger.grant(made.id, credits, reference=str(uuid.uuid4()))
        self.secrets.add(key.secret)
        return Tenant(id=made.id, key=key.secret)

    async def balance(self, tenant: Tenant) -> int:
        async with self.database() as database:
            return await database.ledger.balance(tenant.id)

    def client(self, tenant: Tenant | None = None, **headers: str) -> httpx.AsyncClient:
        """Return a client; what refuses it is kept for the search for secrets."""

        async def note(response: httpx.Response) -> None:
            if response.status_code >= 400:
                self.errors.append(f"{response.headers}\n{(await response.aread()).decode(errors='replace')}")

        return httpx.AsyncClient(
            base_url=self.service.url,
            headers={**(tenant.headers if tenant else {}), **headers},
            timeout=90,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),  # so that both replicas are asked
            event_hooks={"response": [note]},
        )

    async def cli(self, *arguments: str) -> str:
        """Run `hark …` on the service's profile and return what it printed."""
        command = [sys.executable, "-m", "serve_app.cli", *arguments, "--profile", str(self.service.profile)]
        done = await asyncio.to_thread(
            subprocess.run, command, check=True, capture_output=True, text=True, timeout=60, env={**os.environ}
        )
        return done.stdout.strip()

    def replicas_that_logged(self, request_ids: Iterable[str]) -> set[str]:
        """Return the log files of the ingress replicas that answered any of these requests."""
        wanted = [request_id.encode() for request_id in request_ids]
        files = (self.session_logs / "serve").glob("replica_*ingress*.log")
        return {path.name for path in files if any(request_id in path.read_bytes() for request_id in wanted)}


async def until(done: Callable[[], Awaitable[bool]], *, within_s: float, every_s: float = 0.2) -> float:
    """Wait until something is so and return the seconds it took; fail when they are more than `within_s`."""
    started_s = time.monotonic()
    while not await done():
        assert time.monotonic() - started_s < within_s, f"not so within {within_s} s"
        await asyncio.sleep(every_s)
    return time.monotonic() - started_s


def short_clip(seconds: float = 2.4) -> bytes:
    """Return the beginning of the sample meeting, one sentence, as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(io.BytesIO(repeated_meeting(1))) as whole, wave.open(buffer, "wb") as cut:
        cut.setparams(whole.getparams())
        cut.writeframes(whole.readframes(round(seconds * whole.getframerate())))
    return buffer.getvalue()


def form(content: bytes, **fields: str) -> dict[str, Any]:
    """Return a transcription request's arguments; without speakers, which take most of the time."""
    return {"files": {"file": ("clip.wav", content)}, "data": {"language": "en", "diarize": "false", **fields}}
