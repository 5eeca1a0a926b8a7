"""Run one transcription for a request: its events in order, its limits and its deadline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from serve_app.admission.gate import Ticket
from serve_app.api.pump import Pump, time_limit
from serve_app.errors import AudioTooLong, DatabaseUnavailable, InternalError
from serve_app.ports.speech import MediaFile, Progress, TranscribeEvent, TranscribeOptions, Transcriber
from serve_app.transcript.model import Transcript, Warning

_GRACE_S = 5.0  # the transcriber keeps the deadline itself; this is for one that does not
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
    async with time_limit(*_limit(job)), aclosing(_events(transcriber, job)) as events:
        async for event in events:
            if isinstance(event, Transcript):
                return event
    raise AssertionError("events end with a transcript or a fault")


def pumped(transcriber: Transcriber, job: Job) -> Pump[TranscribeEvent]:
    """Return the transcription's events, the last of them its Transcript, for one who waits for them in steps."""
    limit_s, late = _limit(job)
    return Pump(_events(transcriber, job), deadline_s=limit_s, late=late)


async def _events(transcriber: Transcriber, job: Job) -> AsyncGenerator[TranscribeEvent]:
    async with aclosing(_checked_events(transcriber, job)) as events:
        async for event in events:
            yield event
            if isinstance(event, Transcript):
                return
    raise InternalError("The transcription ended without a transcript.")


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


def _limit(job: Job) -> tuple[float, str]:
    seconds = job.options.deadline_s
    late = f"The transcription did not end within {seconds:g} seconds; try again later or send a shorter file."
    return seconds + _GRACE_S, late
