"""A service around a transcriber that plays what the test writes down for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from memory_stores import MemoryStores

from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.admission.plans import DEFAULT_PLANS, Plans
from serve_app.api.app import create_app
from serve_app.api.services import Access, ApiSettings, HealthReport, Services
from serve_app.ports.speech import MediaFile, Progress, SegmentReady, TranscribeEvent, TranscribeOptions
from serve_app.transcript.model import Segment, Transcript, Word

BOUNDED_S = 5.0  # no wait in these tests is longer


def word(text: str, start_s: float, *, speaker: int | None = None) -> Word:
    return Word(text=text, start_s=start_s, end_s=start_s + 0.4, confidence=0.87654, speaker=speaker)


def segment(text: str, start_s: float, *, speaker: int | None = None) -> Segment:
    words = tuple(word(part, start_s + 0.5 * i, speaker=speaker) for i, part in enumerate(text.split()))
    return Segment(
        start_s=start_s,
        end_s=words[-1].end_s,
        text=text,
        words=words,
        language="en",
        confidence=0.87654,
        speaker=speaker,
    )


TWO_SPEAKERS = Transcript(
    segments=(segment("Good morning, all.", 0.1234567, speaker=0), segment("Hello <there> & you.", 3.0, speaker=1)),
    duration_s=7.25,
    language="en",
    model="base",
    speakers=2,
    snr_db=21.23456,
)
SILENCE = Transcript(segments=(), duration_s=3.0, language=None, model="base")


@dataclass
class ScriptedTranscriber:
    """Plays events; an exception in the script is raised, an Event is waited for."""

    script: list[TranscribeEvent | Exception | asyncio.Event] = field(default_factory=lambda: [TWO_SPEAKERS])
    calls: list[tuple[MediaFile, TranscribeOptions, bytes]] = field(default_factory=list)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncIterator[TranscribeEvent]:
        self.calls.append((source, options, await asyncio.to_thread(Path(source.path).read_bytes)))
        self.running.set()
        try:
            for step in self.script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            self.closed.set()

    @property
    def options(self) -> TranscribeOptions:
        return self.calls[-1][1]


def streamed(transcript: Transcript) -> list[TranscribeEvent]:
    progress = Progress(stage="recognizing", done=0.5, audio_s=3.21)
    segments = [SegmentReady(segment=replace(s, speaker=None)) for s in transcript.segments]
    return [progress, *segments, transcript]


def without_speakers(transcript: Transcript) -> Transcript:
    segments = (
        replace(s, speaker=None, words=tuple(replace(w, speaker=None) for w in s.words)) for s in transcript.segments
    )
    return replace(transcript, segments=tuple(segments), speakers=0)


def catalogue(**changes: Any) -> ModelCatalogue:
    models = (
        ModelEntry(id="base", name="Whisper base", speed="very_fast"),
        ModelEntry(id="large-v3-turbo", name="Whisper large-v3-turbo", speed="fast", available=False),
    )
    return ModelCatalogue(models=models, substitute="base", **changes)


async def healthy() -> HealthReport:
    return HealthReport(status="ok", able_to_serve=True, deployments={"recognizer": {"replicas": 1}})


@dataclass
class Service:
    """An application in this process, a client of it, and what it saw."""

    services: Services
    transcriber: ScriptedTranscriber
    accesses: list[Access]
    observed: asyncio.Event  # set once a request has ended

    def client(self, **options: Any) -> httpx.AsyncClient:
        app = create_app(self.services)
        return self.client_of(app, **options)

    def client_of(self, app: Any, *, address: str = "192.0.2.1", **options: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app, client=(address, 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://hark", **options)

    def spooled(self) -> list[str]:
        return [path.name for path in self.services.settings.spool_dir.glob("*")]


MakeService = Callable[..., Service]


def build_service(spool_dir: Path, *, script: list[Any] | None = None, **changes: Any) -> Service:
    """Build a service; keywords replace fields of its settings or, failing that, of its services."""
    transcriber = ScriptedTranscriber(script) if script is not None else ScriptedTranscriber()
    accesses: list[Access] = []
    observed = asyncio.Event()

    def observe(access: Access) -> None:
        accesses.append(access)
        observed.set()

    anonymous = changes.pop("anonymous", None)
    if anonymous is not None:
        changes["plans"] = Plans(plans={**DEFAULT_PLANS, "anonymous": anonymous})
    changes.setdefault("open_to", "nobody" if changes.get("operator_key") else "this machine")
    names = ApiSettings.__dataclass_fields__
    settings = ApiSettings(spool_dir=spool_dir, **{name: value for name, value in changes.items() if name in names})
    rest = {name: value for name, value in changes.items() if name not in names}
    services = Services(
        settings=settings,
        observe=observe,
        node_id="node-1",
        **{
            "transcriber": transcriber,
            "catalogue": catalogue(),
            "health": healthy,
            "stores": MemoryStores(changes.get("clock", time.monotonic)),
            **rest,
        },
    )
    return Service(services=services, transcriber=transcriber, accesses=accesses, observed=observed)


def upload(content: bytes = b"RIFF....", name: str = "meeting.wav", **data: Any) -> dict[str, Any]:
    """Return the arguments of a multipart request with a file."""
    return {"files": {"file": (name, content, "audio/wav")}, "data": data}


async def transcribe(client: httpx.AsyncClient, **data: Any) -> httpx.Response:
    return await client.post("/v1/transcribe", **upload(**data))


class _AnnouncingServer(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an application on a free port with a real server; yields its base URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on")
    server = _AnnouncingServer(config)
    task = asyncio.create_task(server.serve())
    try:
        await asyncio.wait_for(server.listening.wait(), BOUNDED_S)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, BOUNDED_S)
