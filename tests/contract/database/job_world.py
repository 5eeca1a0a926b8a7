"""Jobs on a real database, with recordings that are lists of chunks and a transcriber that counts what it is asked."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from serve_app.adapters.database import Database
from serve_app.adapters.database.sql import new_id
from serve_app.adapters.objects import LocalObjectStore, UrlSigner
from serve_app.admission.plans import Plan
from serve_app.billing.prices import PriceList
from serve_app.jobs.model import Job
from serve_app.jobs.service import JobService, Start
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.stt import stt_params
from serve_app.jobs.sweeping import JobSweeper
from serve_app.jobs.worker import JobWorker
from serve_app.ports.checkpoints import Checkpoints
from serve_app.ports.records import Account
from serve_app.ports.speech import MediaFile, Progress, TranscribeEvent, TranscribeOptions
from serve_app.transcript.model import Segment, Transcript, Word

Funded = Callable[[int], Awaitable[Account]]
"""Makes an account with a balance."""
PAID = Plan(name="paid", charged=True)
UNCHARGED = Plan(name="unlimited")
QUICK = JobSettings(attempts=3, report_s=0.02, retry_base_s=0.01, patience_s=0.2, stalled_after_s=0.5)
CHUNK_S = 30.0


@dataclass(kw_only=True)
class ChunkTranscriber:
    """Hears in each chunk of a recording its number; the file says how many there are."""

    asked: Counter[int] = field(default_factory=Counter)
    before: Callable[[int], None] | None = None  # called before a chunk is heard; may raise
    door: asyncio.Event | None = None  # chunks from `closed_from` on wait for it
    closed_from: int = 0
    at_door: asyncio.Event = field(default_factory=asyncio.Event)

    async def transcribe(
        self, source: MediaFile, options: TranscribeOptions, checkpoints: Checkpoints
    ) -> AsyncGenerator[TranscribeEvent]:
        n_chunks = int(await asyncio.to_thread(Path(source.path).read_text))
        yield Progress(stage="decoding", done=0.0, audio_s=CHUNK_S)
        yield Progress(stage="recognizing", done=0.0, audio_s=n_chunks * CHUNK_S)
        heard = []
        for number in range(n_chunks):
            kept = await checkpoints.load(f"chunk {number}")
            if kept is None:
                if self.door is not None and number >= self.closed_from:
                    self.at_door.set()
                    await self.door.wait()
                if self.before is not None:
                    self.before(number)
                self.asked[number] += 1
                kept = f"word{number}".encode()
                await checkpoints.save(f"chunk {number}", kept)
            heard.append(kept.decode())
            yield Progress(stage="recognizing", done=0.9 * (number + 1) / n_chunks, audio_s=n_chunks * CHUNK_S)
        yield spoken(heard)


def spoken(heard: list[str]) -> Transcript:
    words = tuple(
        Word(text=text, start_s=i * CHUNK_S, end_s=i * CHUNK_S + 1, confidence=0.9) for i, text in enumerate(heard)
    )
    segment = Segment(start_s=0, end_s=words[-1].end_s, text=" ".join(heard), words=words, language="en")
    return Transcript(segments=(segment,), duration_s=len(heard) * CHUNK_S, language="en", model="base")


class World:
    """A service for jobs and as many workers as a test wants."""

    def __init__(self, database: Database, root: Path, *, claims_s: float | None = None) -> None:
        self.database = database
        self.objects = LocalObjectStore(root / "objects", UrlSigner([b"a secret of the tests"]))
        self.transcriber = ChunkTranscriber()
        self.claims_s = claims_s  # what uploads say of their length
        self.refused_urls: set[str] = set()
        self._later = timedelta()
        self.service = JobService(
            stores=database,
            objects=self.objects,
            prices=PriceList(),
            probe=self._probe,
            check_url=self._check_url,
            new_id=new_id,
            settings=QUICK,
            now=self.now,
        )

    def now(self) -> datetime:
        return datetime.now(UTC) + self._later

    def let_pass(self, **time: float) -> None:
        self._later += timedelta(**time)

    def worker(self, transcriber: ChunkTranscriber | None = None, settings: JobSettings = QUICK) -> JobWorker:
        return JobWorker(
            stores=self.database,
            objects=self.objects,
            transcribe=(transcriber or self.transcriber).transcribe,
            prices=PriceList(),
            spool=spool,
            settings=settings,
            now=self.now,
        )

    def sweeper(self) -> JobSweeper:
        return JobSweeper(stores=self.database, objects=self.objects, settings=QUICK, now=self.now)

    async def uploaded(self, account: Account, *, chunks: int = 4) -> Job:
        job, _ = await self.service.create_slot(account.id, kind="stt", content_type="audio/wav", max_bytes=None)
        await self.objects.put_file(job.upload_key or "", _bytes(str(chunks)), content_type="audio/wav")
        return job

    async def started(
        self, account: Account, *, chunks: int = 4, plan: Plan = PAID, webhook_url: str | None = None
    ) -> Job:
        job = await self.uploaded(account, chunks=chunks)
        started, _ = await self.service.start(account.id, job.id, start(plan, webhook_url=webhook_url), kind="stt")
        return started

    async def job(self, job: Job) -> Job:
        return await self.database.jobs.get(job.id)

    async def ledger_lines(self, account: Account) -> list[str]:
        return [entry.kind for entry in reversed(await self.database.ledger.entries(account.id))]

    async def _probe(self, key: str) -> float | None:
        return self.claims_s

    async def _check_url(self, url: str) -> None:
        from serve_app.errors import InvalidRequest

        if url in self.refused_urls:
            raise InvalidRequest("`webhook_url` is not public.", field="webhook_url")


def start(plan: Plan = PAID, *, webhook_url: str | None = None, **body: object) -> Start:
    options = replace(TranscribeOptions(model="base"), language="en")
    sent = body | ({"webhook_url": webhook_url} if webhook_url else {})
    return Start(body=sent, params=stt_params(options, title="meeting.wav", webhook_url=webhook_url), plan=plan)


@asynccontextmanager
async def spool() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        yield f"{directory}/recording"


async def _bytes(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def queue_rows(database: Database) -> list[tuple[str, str, int]]:
    rows = await database.sql.rows(
        "SELECT args->>'job_id' AS job, status::text AS status, priority FROM procrastinate_jobs "
        "ORDER BY priority DESC, id"
    )
    return [(row["job"], row["status"], row["priority"]) for row in rows]


async def statuses_in_queue(database: Database, job_id: str) -> list[str]:
    return [status for job, status, _ in await queue_rows(database) if job == job_id]
