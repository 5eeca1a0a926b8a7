"""Run one transcription for a request: its events in order, its limits and its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from serve_app.admission.gate import Ticket
from serve_app.api.hang_up import stopped
from serve_app.errors import AudioTooLong, DatabaseUnavailable, InternalError, ModelUnavailable
from serve_app.ports.speech import MediaFile, Progress, TranscribeEvent, TranscribeOptions, Transcriber
from serve_app.transcript.model import Transcript, Warning

_GRACE_S = 5.0  # the transcriber keeps the deadline itself; this is for one that does not
_QUEUED_EVENTS = 16
FIRST_EVENT_S = 2.0  # a stream waits this long with its status: a fault this early still becomes a proper response


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One admitted transcription, ready to run."""

    source: MediaFile
    options: TranscribeOptions
    ticket: Ticket
    warnings: tuple[Warning, ...] = ()  # known before it runs
    max_duration_s: float | None = None
    transcript_id: str | None = None  # of the stored transcript, once it is


async def finished_transcript(transcriber: Transcriber, job: Job) -> Transcript:
    """Run to the end and return the transcript; when cancelled, the transcriber's iterator is closed first."""
    async with _deadline(job.options.deadline_s), aclosing(_checked_events(transcriber, job)) as events:
        async for event in events:
            if isinstance(event, Transcript):
                return event
    raise InternalError("The transcription ended without a transcript.")


class EventPump:
    """A running transcription whose events can be awaited with a timeout; leaving the context stops it.

    One task drives the iterator from first to last: timeouts and task groups inside it belong to that task.
    """

    def __init__(self, transcriber: Transcriber, job: Job) -> None:
        self._transcriber = transcriber
        self._job = job
        self._queue: asyncio.Queue[TranscribeEvent | Exception] = asyncio.Queue(_QUEUED_EVENTS)
        self._peeked: TranscribeEvent | None = None

    async def __aenter__(self) -> EventPump:
        self._task = asyncio.create_task(self._drive())
        return self

    async def __aexit__(self, *_: object) -> None:
        await stopped(self._task)

    async def peek(self, *, timeout_s: float) -> None:
        """Wait for the first event, so that a fault before it can still become a proper response."""
        self._peeked = await self.next(timeout_s=timeout_s)

    async def next(self, *, timeout_s: float) -> TranscribeEvent | None:
        """Return the next event, None when there is none yet; raises what stopped the transcription."""
        if self._peeked is not None:
            event, self._peeked = self._peeked, None
            return event
        try:
            async with asyncio.timeout(timeout_s):
                item = await self._queue.get()
        except TimeoutError:
            return None
        if isinstance(item, Exception):
            raise item
        return item

    async def _drive(self) -> None:
        try:
            job = self._job
            async with _deadline(job.options.deadline_s), aclosing(_checked_events(self._transcriber, job)) as events:
                async for event in events:
                    await self._queue.put(event)
                    if isinstance(event, Transcript):
                        return
            await self._queue.put(InternalError("The transcription ended without a transcript."))
        except Exception as error:  # raised where the events are read
            await self._queue.put(error)


async def _checked_events(transcriber: Transcriber, job: Job) -> AsyncGenerator[TranscribeEvent]:
    async with _closing(transcriber.transcribe(job.source, job.options)) as events:
        async for event in events:
            known_s = _known_duration_s(event)
            _check_duration(known_s, job.max_duration_s)
            if not isinstance(event, Progress) or event.stage != "decoding":  # the whole length is known
                with suppress(DatabaseUnavailable):  # the work goes on without it, and asks again at its end
                    await job.ticket.cover(known_s)
            yield event


def _known_duration_s(event: TranscribeEvent) -> float:
    if isinstance(event, Progress):
        return event.audio_s
    return event.duration_s if isinstance(event, Transcript) else 0.0


def _check_duration(known_s: float, limit_s: float | None) -> None:
    if limit_s is not None and known_s > limit_s:
        raise AudioTooLong(f"The recording is longer than {limit_s / 60:g} minutes, the limit here.", limit=limit_s)


@asynccontextmanager
async def _closing(events: AsyncIterator[TranscribeEvent]) -> AsyncIterator[AsyncIterator[TranscribeEvent]]:
    try:
        yield events
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds + _GRACE_S) as scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        message = f"The transcription did not end within {seconds:g} seconds; try again later or send a shorter file."
        raise ModelUnavailable(message) from error
