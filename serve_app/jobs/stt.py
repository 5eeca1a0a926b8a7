"""Transcription as a job: what is remembered of the request, and what is kept of the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serve_app.jobs.model import Job
from serve_app.ports.records import NewTranscript
from serve_app.ports.speech import SpeakerBounds, TranscribeOptions
from serve_app.transcript.json_view import transcript_json
from serve_app.transcript.model import Transcript, Warning


def stt_params(
    options: TranscribeOptions, *, title: str = "", webhook_url: str | None = None, warnings: Sequence[Warning] = ()
) -> dict[str, Any]:
    """Return a request as the JSON that its job carries."""
    return {
        "model": options.model,
        "language": options.language,
        "diarize": options.diarize,
        "speakers": [options.speakers.at_least, options.speakers.at_most],
        "prompt": options.prompt,
        "title": title,
        "webhook_url": webhook_url,
        "warnings": [[warning.code, warning.message] for warning in warnings],
    }


def stt_options(job: Job, *, deadline_s: float) -> TranscribeOptions:
    """Return the request that a job carries."""
    at_least, at_most = job.params["speakers"]
    return TranscribeOptions(
        model=job.params["model"],
        language=job.params["language"],
        diarize=job.params["diarize"],
        speakers=SpeakerBounds(at_least=at_least, at_most=at_most),
        prompt=job.params["prompt"],
        request_id=job.id,
        account=job.account_id,
        deadline_s=deadline_s,
    )


def stored_transcript(job: Job, transcript: Transcript, *, retention_s: float | None) -> NewTranscript:
    """Return the transcript as it is kept: under the job's id."""
    model = transcript.model or job.params["model"]
    document = transcript_json(
        transcript,
        diarized=job.params["diarize"],
        request_id=job.id,
        extra_warnings=[Warning(code=code, message=message) for code, message in job.params["warnings"]],
        model=model,
    )
    return NewTranscript(
        id=job.id,
        account_id=job.account_id,
        title=job.params["title"] or "Untitled",
        text=transcript.text,
        document=document,
        language=transcript.language,
        model=model,
        duration_s=transcript.duration_s,
        retention_s=retention_s,
    )
