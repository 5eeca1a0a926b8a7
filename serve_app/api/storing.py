"""The end of a transcription: it is charged and counted, and kept for those who have an account."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace

from serve_app.api.running import Job
from serve_app.api.services import ApiSettings
from serve_app.api.submission import Submission
from serve_app.errors import DatabaseUnavailable
from serve_app.ports.records import NewTranscript
from serve_app.transcript.json_view import transcript_json
from serve_app.transcript.model import Transcript, Warning

log = logging.getLogger("hark.api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storing:
    """Where and how long a transcript is kept."""

    account_id: str
    title: str
    retention_s: float | None


def storing_of(submission: Submission, settings: ApiSettings) -> Storing | None:
    """Return how to keep the transcript; None for callers without an account and with `store=false`."""
    wanted = submission.fields.boolean("store", default=True)
    account = submission.caller.account
    if account is None or not wanted:
        return None
    return Storing(account_id=account.id, title=submission.source.name, retention_s=settings.retention_s)


async def completed(job: Job, transcript: Transcript, storing: Storing | None = None) -> Job:
    """Settle the job's ticket and return the job with the transcript's id, or with a warning when it was not kept.

    Work that is done is handed over even while the database is away; what was reserved comes back then.
    """
    stored = _stored(job, transcript, storing) if storing else None
    try:
        await job.ticket.complete(audio_s=transcript.duration_s, transcript=stored)
    except DatabaseUnavailable:
        log.error("transcription_not_recorded request_id=%s", job.options.request_id)
        warning = Warning(code="not_stored", message="The transcript could not be stored; keep this answer.")
        return replace(job, warnings=(*job.warnings, warning))
    return replace(job, transcript_id=stored.id if stored else None)


def _stored(job: Job, transcript: Transcript, storing: Storing) -> NewTranscript:
    document = transcript_json(
        transcript,
        diarized=job.options.diarize,
        request_id=job.options.request_id,
        words=True,
        extra_warnings=job.warnings,
        model=transcript.model or job.options.model,
    )
    return NewTranscript(
        id=str(uuid.uuid4()),
        account_id=storing.account_id,
        title=storing.title or "Untitled",
        text=transcript.text,
        document=document,
        language=transcript.language,
        model=transcript.model or job.options.model,
        duration_s=transcript.duration_s,
        retention_s=storing.retention_s,
    )
