"""What OpenAI's two audio-to-text routes share: parse, run, render."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from serve_app.api.context import context_of, services_of
from serve_app.api.fields import Fields
from serve_app.api.hang_up import unless_hung_up
from serve_app.api.openai.view import GRANULARITIES, diarized_json, diarized_segments, plain_json, verbose_json
from serve_app.api.rendering import TEXT_FORMATS, text_response
from serve_app.api.running import FIRST_EVENT_S, Job, finished_transcript, pumped
from serve_app.api.services import Services
from serve_app.api.sse import HEARTBEAT, EventStream, sse
from serve_app.api.storing import completed
from serve_app.api.submission import Submission, open_submission
from serve_app.errors import InvalidRequest
from serve_app.ports.speech import SegmentReady, Task, TranscribeEvent, TranscribeOptions
from serve_app.transcript.model import Segment, Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the caller wants the text."""

    response_format: str
    granularities: tuple[str, ...]
    stream: bool


async def answer(request: Request, *, task: Task, formats: Sequence[str], may_stream: bool) -> Response:
    """Answer one request in the OpenAI dialect."""
    services = services_of(request)
    response: Response
    async with AsyncExitStack() as stack:
        submission = await stack.enter_async_context(open_submission(request, may_send_url=False))
        view = _view(submission.fields, formats, may_stream=may_stream)
        job = _job(submission, view, services, task=task, request_id=context_of(request.scope).request_id)
        if view.stream:
            pump = await stack.enter_async_context(pumped(services.transcriber, job))
            await unless_hung_up(request.receive, pump.begin(timeout_s=FIRST_EVENT_S))
            messages = _messages(pump.items(every_s=services.settings.heartbeat_s), job, view)
            response = EventStream(messages, resources=stack.pop_all())
        else:
            transcript = await unless_hung_up(request.receive, finished_transcript(services.transcriber, job))
            job = await completed(job, transcript)
            response = await asyncio.to_thread(_response, transcript, job, view)
    return response


def _view(fields: Fields, formats: Sequence[str], *, may_stream: bool) -> View:
    return View(
        response_format=fields.choice("response_format", accepted=formats, default="json"),
        granularities=fields.choices("timestamp_granularities", accepted=GRANULARITIES, default=("segment",)),
        stream=may_stream and fields.boolean("stream", default=False),
    )


def _job(submission: Submission, view: View, services: Services, *, task: Task, request_id: str) -> Job:
    fields = submission.fields
    name = fields.text("model")
    if name is None:
        raise InvalidRequest("The field 'model' is missing; see GET /v1/models.", field="model")
    model, warning = services.catalogue.resolve(name)
    prompt = " ".join(part for part in (fields.text("prompt"), ", ".join(fields.strings("keywords"))) if part)
    options = TranscribeOptions(
        model=model,
        language=fields.language(),
        language_candidates=fields.languages("languages"),
        task=task,
        diarize=view.response_format == "diarized_json",
        prompt=prompt or None,
        temperature=fields.number("temperature", default=0.0, at_least=0.0, at_most=1.0),
        request_id=request_id,
        account=submission.ticket.bucket,
        deadline_s=services.settings.request_deadline_s,
    )
    return Job(
        source=submission.source,
        options=options,
        ticket=submission.ticket,
        warnings=(warning,) if warning else (),
        max_duration_s=submission.max_duration_s,
    )


def _response(transcript: Transcript, job: Job, view: View) -> Response:
    if view.response_format in TEXT_FORMATS:
        return text_response(transcript, view.response_format, job.warnings)
    return JSONResponse(_json(transcript, job, view))


def _json(transcript: Transcript, job: Job, view: View) -> dict[str, Any]:
    model = transcript.model or job.options.model
    if view.response_format == "verbose_json":
        return verbose_json(
            transcript,
            task=job.options.task,
            granularities=view.granularities,
            model=model,
            warnings=job.warnings,
        )
    if view.response_format == "diarized_json":
        return diarized_json(transcript, model=model, warnings=job.warnings)
    return plain_json(transcript, model=model, warnings=job.warnings)


async def _messages(events: AsyncIterator[TranscribeEvent | None], job: Job, view: View) -> AsyncIterator[bytes]:
    """Yield text deltas as segments come, and the whole text at the end; the deltas joined are that text."""
    sent = ""
    async for event in events:
        if event is None:
            yield HEARTBEAT
        elif isinstance(event, SegmentReady):
            job.ticket.answered = True
            delta = _delta(event.segment, first=not sent)
            sent += delta
            yield sse({"type": "transcript.text.delta", "delta": delta})
        elif isinstance(event, Transcript):
            await completed(job, event)
            for message in _last_messages(event, view, sent):
                yield message
            return


def _delta(segment: Segment, *, first: bool) -> str:
    spaced = not first and (not segment.words or segment.words[0].space_before)
    return (" " if spaced else "") + segment.text


def _last_messages(transcript: Transcript, view: View, sent: str) -> list[bytes]:
    """Return what is left to say: text that came in no segment, speakers, and the end."""
    messages = []
    text = transcript.text
    if text.startswith(sent) and text != sent:
        messages.append(sse({"type": "transcript.text.delta", "delta": text[len(sent) :]}))
    if view.response_format == "diarized_json":
        messages += [sse(segment) for segment in diarized_segments(transcript)]
    return [*messages, sse({"type": "transcript.text.done", "text": text})]
