"""The jobs dialect in this process: the application, a worker beside it, and accounts."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from job_world import QUICK, World, spoken, spool

from serve_app.adapters.database import Database
from serve_app.adapters.job_events import EventDelivery
from serve_app.adapters.probe import ObjectProbe
from serve_app.adapters.webhooks import WebhookSender
from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.admission.keys import new_key
from serve_app.api.app import create_app
from serve_app.api.jobs import ROUTERS
from serve_app.api.objects import router as objects_router
from serve_app.api.services import ApiSettings, HealthReport, Services
from serve_app.billing.prices import PriceList
from serve_app.jobs.worker import JobWorker
from serve_app.ports.checkpoints import Checkpoints
from serve_app.ports.records import Account
from serve_app.ports.speech import MediaFile, Progress, TranscribeEvent, TranscribeOptions

WEBHOOK_KEY = b"a secret of the tests"


class _Listener:
    """Hears one word a minute."""

    async def transcribe(
        self, source: MediaFile, options: TranscribeOptions, checkpoints: Checkpoints | None = None
    ) -> AsyncGenerator[TranscribeEvent]:
        with wave.open(source.path) as file:
            seconds = file.getnframes() / file.getframerate()
        yield Progress(stage="recognizing", done=0.5, audio_s=seconds)
        transcript = spoken(["hello", "world"])
        yield replace(transcript, duration_s=seconds, model=options.model)


def wav(seconds: float) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(round(seconds * 1000)))
    return buffer.getvalue()


@dataclass
class Site:
    """The application in this process, a worker beside it, and accounts."""

    app: Any
    world: World
    worker: JobWorker
    events: EventDelivery

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.ASGITransport(app=self.app, client=("192.0.2.1", 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://hark", headers=headers)

    async def key_of(self, account: Account) -> str:
        key = new_key()
        await self.world.database.keys.create(account.id, name="", digest=key.digest, prefix=key.prefix)
        return key.secret


async def open_site(database: Database, tmp_path: Path) -> Site:
    world = World(database, tmp_path)
    service = world.service
    service._probe = ObjectProbe(world.objects)
    service._webhook_key = WEBHOOK_KEY
    listener = _Listener()

    async def healthy() -> HealthReport:
        return HealthReport(status="ok", able_to_serve=True)

    services = Services(
        transcriber=listener,
        stores=database,
        catalogue=ModelCatalogue(models=(ModelEntry(id="base", name="base"),), substitute="base"),
        health=healthy,
        settings=ApiSettings(spool_dir=tmp_path / "spool"),
        objects=world.objects,
        url_signer=world.objects._signer,
        jobs=service,
    )
    worker = JobWorker(
        stores=database,
        objects=world.objects,
        transcribe=listener.transcribe,
        prices=PriceList(),
        spool=spool,
        settings=QUICK,
    )
    sender = WebhookSender(allow_private=True, backoff=lambda attempt: 0.0)
    events = EventDelivery(stores=database, sender=sender, key=WEBHOOK_KEY)
    app = create_app(services)
    if not any(getattr(route, "path", "") == "/v1/jobs" for route in app.routes):
        for router in (*ROUTERS, objects_router):
            app.include_router(router)
    return Site(app=app, world=world, worker=worker, events=events)


async def paying(site: Site, credits: int) -> tuple[Account, httpx.AsyncClient]:
    account = await site.world.database.accounts.create(plan="paid")
    if credits:
        await site.world.database.ledger.grant(account.id, credits, reference="start")
    return account, site.client(await site.key_of(account))


async def slot_of(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/v1/stt/uploads", params={"content_type": "audio/wav"})
    assert answer.status_code == 201, answer.text
    slot: dict[str, Any] = answer.json()
    return slot


async def uploaded(site: Site, client: httpx.AsyncClient, seconds: float = 90.0) -> str:
    slot = await slot_of(client)
    async with site.client() as anybody:
        sent = await anybody.put(slot["upload_url"], content=wav(seconds), headers=slot["headers"])
    assert sent.status_code == 200, sent.text
    return str(slot["job_id"])
