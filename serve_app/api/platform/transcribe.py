"""`POST /v1/transcribe`: a recording in, a transcript with speakers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.admission.catalogue import ModelCatalogue
from serve_app.api.context import context_of, services_of
from serve_app.api.fields import Fields
from serve_app.api.hang_up import unless_hung_up
from serve_app.api.platform.finishing import Finished, Finishing, finishing_of
from serve_app.api.platform.schemas import ERRORS, TRANSCRIBE_BODY, TRANSCRIBE_RESPONSES
from serve_app.api.rendering import RESPONSE_FORMATS, TEXT_FORMATS, rendered, text_response
from serve_app.api.running import FIRST_EVENT_S, Job, finished_transcript, pumped
from serve_app.api.services import ApiSettings
from serve_app.api.sse import HEARTBEAT, EventStream, sse
from serve_app.api.submission import Submission, open_submission
from serve_app.api.text.transcript_translation import translation_json
from serve_app.api.text.working import worked
from serve_app.errors import InvalidRequest
from serve_app.ports.speech import Progress, SegmentReady, SpeakerBounds, TranscribeEvent, TranscribeOptions
from serve_app.transcript.json_view import rounded, segment_json, transcript_json

router = APIRouter(tags=["Transcription"])

TIMESTAMPS = ("word", "segment")
MAX_SPEAKERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the caller wants the transcript."""

    response_format: str
    words: bool
    stream: bool


@router.post(
    "/v1/transcribe",
    summary="Transcribe a recording",
    openapi_extra={"requestBody": TRANSCRIBE_BODY},
    responses=TRANSCRIBE_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def transcribe(request: Request) -> Response:
    """Send a file, or a URL, and get its transcript with word times and speakers."""
    services = services_of(request)
    request_id = context_of(request.scope).request_id
    response: Response
    async with AsyncExitStack() as stack:
        submission = await stack.enter_async_context(open_submission(request))
        view = _view(submission.fields)
        job = _job(submission, services.catalogue, services.settings, request_id)
        finishing = await finishing_of(request, submission)
        if view.stream:
            pump = await stack.enter_async_context(pumped(services.transcriber, job))
            await unless_hung_up(request.receive, pump.begin(timeout_s=FIRST_EVENT_S))
            messages = _messages(pump.items(every_s=services.settings.heartbeat_s), job, view, finishing)
            response = EventStream(messages, resources=stack.pop_all())
        else:
            transcript = await unless_hung_up(request.receive, finished_transcript(services.transcriber, job))
            prepared = await worked(request, finishing.prepare(job, transcript))
            response = await asyncio.to_thread(_response, await finishing.settle(prepared), view)
    return response


def _view(fields: Fields) -> View:
    timestamps = fields.choice("timestamps", accepted=(*TIMESTAMPS, "true", "false"), default="word")
    return View(
        response_format=fields.choice("response_format", accepted=RESPONSE_FORMATS, default="json"),
        words=timestamps in ("word", "true"),
        stream=fields.boolean("stream", default=False),
    )


def _job(submission: Submission, catalogue: ModelCatalogue, settings: ApiSettings, request_id: str) -> Job:
    fields = submission.fields
    model, warning = catalogue.resolve(fields.text("model"))
    options = TranscribeOptions(
        model=model,
        language=fields.language(),
        diarize=fields.boolean("diarize", default=True),
        speakers=speakers_of(fields),
        prompt=prompt_of(fields),
        request_id=request_id,
        account=submission.ticket.bucket,
        deadline_s=settings.request_deadline_s,
    )
    return Job(
        source=submission.source,
        options=options,
        ticket=submission.ticket,
        warnings=(warning,) if warning else (),
        max_duration_s=submission.max_duration_s,
    )


def speakers_of(fields: Fields) -> SpeakerBounds:
    """Return the bounds: `speakers` fixes the number, else `min_speakers` and `max_speakers` bound it."""
    exactly = fields.integer("speakers", default=0, at_least=0, at_most=MAX_SPEAKERS)
    at_least = fields.integer("min_speakers", default=0, at_least=0, at_most=MAX_SPEAKERS)
    at_most = fields.integer("max_speakers", default=0, at_least=0, at_most=MAX_SPEAKERS)
    if at_least and at_most and at_least > at_most:
        raise InvalidRequest(
            f"The field 'min_speakers' ({at_least}) cannot be larger than 'max_speakers' ({at_most}).",
            field="min_speakers",
        )
    return SpeakerBounds(at_least=exactly or at_least or None, at_most=exactly or at_most or None)


def prompt_of(fields: Fields) -> str | None:
    """Return context and keywords as one prompt, keywords last: the recognizer keeps a long prompt's end."""
    keywords = ", ".join(fields.strings("keywords"))
    return " ".join(part for part in (fields.text("context"), keywords) if part) or None


def _response(finished: Finished, view: View) -> Response:
    if view.response_format in TEXT_FORMATS:
        shown = finished.translated or finished.transcript
        return text_response(shown, view.response_format, finished.job.warnings)
    return JSONResponse(_transcript_json(finished, view))


def _transcript_json(finished: Finished, view: View) -> dict[str, Any]:
    job, transcript = finished.job, finished.transcript
    body = transcript_json(
        transcript,
        diarized=job.options.diarize,
        request_id=job.options.request_id,
        words=view.words,
        extra_warnings=job.warnings,
        model=transcript.model or job.options.model,
    )
    body |= translation_json(finished.translated, diarized=job.options.diarize, words=view.words)
    return body | ({"transcript_id": job.transcript_id} if job.transcript_id else {})


async def _messages(
    events: AsyncIterator[TranscribeEvent | None], job: Job, view: View, finishing: Finishing
) -> AsyncIterator[bytes]:
    """Yield the stream's events: progress and segments as they come, the whole transcript at the end.

    What is to be redacted comes at the end only: names are found in the whole of it.
    """
    async for event in events:
        if event is None:
            yield HEARTBEAT
        elif isinstance(event, Progress):
            progress = {"stage": event.stage, "done": rounded(event.done), "audio_s": rounded(event.audio_s)}
            yield sse(progress, event="progress")
        elif isinstance(event, SegmentReady):
            if finishing.redaction is None:
                job.ticket.answered = True
                yield sse(segment_json(event.segment, diarized=False, words=view.words), event="segment")
        else:
            finished = await finishing.settle(await finishing.prepare(job, event))
            yield await asyncio.to_thread(_done, finished, view)
            return


def _done(finished: Finished, view: View) -> bytes:
    payload: dict[str, Any] = {"transcript": _transcript_json(finished, view)}
    if view.response_format in TEXT_FORMATS:
        payload["rendered"] = rendered(finished.translated or finished.transcript, view.response_format)
    return sse(payload, event="done")
