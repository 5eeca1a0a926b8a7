"""What the tests of the Account API run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from serve_app.adapters.database import Database
from serve_app.adapters.documents import docx_bytes, pdf_bytes
from serve_app.adapters.objects.local import LocalObjectStore
from serve_app.adapters.objects.signing import UrlSigner
from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.admission.keys import new_key
from serve_app.api.account import ROUTERS
from serve_app.api.app import create_app
from serve_app.api.services import ApiSettings, Documents, HealthReport, Services
from serve_app.ports.records import Account, NewTranscript, TranscriptEntry
from serve_app.ports.speech import MediaFile, TranscribeEvent, TranscribeOptions
from serve_app.transcript.json_view import transcript_json
from serve_app.transcript.model import Segment, Transcript, Word

BASE = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An account and a key of it."""

    account: Account
    key: str = field(repr=False)


@dataclass(kw_only=True)
class AccountService:
    """The application and what lies behind it."""

    app: FastAPI
    database: Database
    objects: LocalObjectStore

    def client(self, tenant: Tenant | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {tenant.key}"} if tenant else {}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://hark", headers=headers)

    async def new_tenant(self, **account: Any) -> Tenant:
        made = await self.database.accounts.create(**account)
        key = new_key()
        await self.database.keys.create(made.id, name="test", digest=key.digest, prefix=key.prefix)
        return Tenant(account=made, key=key.secret)

    async def tenant_of(self, client: httpx.AsyncClient) -> Account:
        return await self.database.accounts.get((await client.get(f"{BASE}/account/")).json()["id"])

    async def store(self, account: Account, transcript: Transcript | None = None, **fields: Any) -> TranscriptEntry:
        kept = transcript or MEETING
        return await self.database.transcripts.add(
            NewTranscript(
                **{
                    "account_id": account.id,
                    "title": "Team meeting",
                    "text": kept.text,
                    "document": transcript_json(kept, diarized=True, request_id="r1"),
                    "language": kept.language,
                    "model": kept.model,
                    "duration_s": kept.duration_s,
                    **fields,
                }
            )
        )

    def replace_services(self, **changes: Any) -> None:
        self.app.state.services = replace(self.app.state.services, **changes)


class NobodyTranscribes:
    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncIterator[TranscribeEvent]:
        raise AssertionError("these tests transcribe nothing")
        yield


async def healthy() -> HealthReport:
    deployments = {"recognizer-base": {"status": "HEALTHY", "replicas_running": 1}, "media": {"status": "HEALTHY"}}
    return HealthReport(
        status="ok",
        able_to_serve=True,
        gpu_name="H200",
        gpu_available=True,
        deployments=deployments,
        nodes=({"id": "node-1", "alive": True},),
    )


def a_service(database: Database, directory: Path) -> AccountService:
    objects = LocalObjectStore(directory / "objects", UrlSigner(["a secret of these tests"]))
    services = Services(
        transcriber=NobodyTranscribes(),
        stores=database,
        objects=objects,
        documents=Documents(docx=docx_bytes, pdf=pdf_bytes),
        catalogue=ModelCatalogue(models=(ModelEntry(id="base", name="Whisper base"),), substitute="base"),
        health=healthy,
        settings=ApiSettings(spool_dir=directory / "spool"),
    )
    app = create_app(services)
    if not any(getattr(route, "path", "") == f"{BASE}/account/" for route in app.routes):
        for router in ROUTERS:
            app.include_router(router)
    return AccountService(app=app, database=database, objects=objects)


def said(text: str, *, start_s: float, speaker: int | None = None, spaced: bool = True) -> Segment:
    words = tuple(
        Word(
            text=part,
            start_s=start_s + 0.5 * n,
            end_s=start_s + 0.5 * n + 0.4,
            confidence=0.9,
            speaker=speaker,
            space_before=spaced,
        )
        for n, part in enumerate(text.split() if spaced else text)
    )
    return Segment(
        start_s=start_s, end_s=words[-1].end_s, text=text, words=words, confidence=0.9, speaker=speaker, language="en"
    )


MEETING = Transcript(
    segments=(
        said("Good morning, all.", start_s=0.5, speaker=0),
        said("=SUM(A1) <there> & you.", start_s=3.0, speaker=1),
        said("会議録を", start_s=6.0, speaker=1, spaced=False),
    ),
    duration_s=9.25,
    language="en",
    model="base",
    speakers=2,
    snr_db=21.5,
)
