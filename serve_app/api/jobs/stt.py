"""`/v1/stt/uploads` and `/v1/stt/jobs`: recordings that are uploaded first and transcribed when there is time."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.api.account.bodies import bounded_body
from serve_app.api.account.routing import private_json, query_of
from serve_app.api.callers import account_of, caller_of, signed_in
from serve_app.api.context import services_of
from serve_app.api.fields import Fields, refuse
from serve_app.api.jobs.context import answered_once, jobs_of
from serve_app.api.jobs.schemas import (
    CONFLICT,
    CONTENT_TYPE,
    ERRORS,
    FORMAT,
    IDEMPOTENCY_KEY,
    NOT_FOUND,
    SLOT,
    START_BODY,
    STARTED,
    STARTED_BEFORE,
)
from serve_app.api.platform.schemas import TRANSCRIBE_RESPONSES
from serve_app.api.platform.transcribe import prompt_of, speakers_of
from serve_app.api.rendering import RESPONSE_FORMATS, TEXT_FORMATS, text_response
from serve_app.errors import InvalidRequest
from serve_app.jobs.service import Start
from serve_app.jobs.stt import stt_params
from serve_app.jobs.views import slot_view, start_view
from serve_app.ports.speech import TranscribeOptions
from serve_app.transcript.json_read import transcript_of

router = APIRouter(prefix="/v1/stt", tags=["Jobs"])

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_TITLE_CHARS = 200
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,96}(?:; ?[a-z]+=[A-Za-z0-9_.,-]{1,64})?")


@router.post(
    "/uploads",
    status_code=201,
    summary="Create an upload slot",
    openapi_extra={"parameters": [CONTENT_TYPE, IDEMPOTENCY_KEY]},
    responses={201: SLOT, **CONFLICT, **ERRORS},
    response_class=JSONResponse,
)
async def create_upload(request: Request) -> Response:
    """Get a job and a URL to PUT its recording to, without credentials and with the `headers` given."""
    caller = await caller_of(request)
    account_id = signed_in(caller).id
    content_type = query_of(request).text("content_type") or DEFAULT_CONTENT_TYPE
    if not _CONTENT_TYPE.fullmatch(content_type):
        refuse("content_type", content_type, accepted=["a media type, e.g. audio/wav"])
    limits = (services_of(request).settings.max_file_bytes, caller.plan.max_file_bytes)

    async def create() -> Response:
        job, url = await jobs_of(request).create_slot(
            account_id,
            kind="stt",
            content_type=content_type,
            max_bytes=min(limit for limit in limits if limit is not None),
        )
        # The local store may not know under which name the service is reached: the caller does.
        absolute = str(request.base_url).rstrip("/") + url.url if url.url.startswith("/") else url.url
        view = slot_view(job, upload_url=absolute, headers=url.headers, now=job.created_at)
        return private_json(view, 201)

    return await answered_once(request, account_id, create, content_type=content_type)


@router.post(
    "/jobs/{job_id}/start",
    status_code=202,
    summary="Start a transcription job",
    openapi_extra={"parameters": [IDEMPOTENCY_KEY], "requestBody": START_BODY},
    responses={200: STARTED_BEFORE, 202: STARTED, **NOT_FOUND, **CONFLICT, **ERRORS},
    response_class=JSONResponse,
)
async def start_job(request: Request, job_id: str) -> Response:
    """Reserve the credits of an uploaded recording and queue it. The same start again is answered with the same job."""
    caller = await caller_of(request)
    account_id = signed_in(caller).id
    body = await _json_object(request)
    params = _params(request, Fields(_as_fields(body)))

    async def start() -> Response:
        wanted = Start(body=body, params=params, plan=caller.plan)
        job, is_new = await jobs_of(request).start(account_id, job_id, wanted, kind="stt")
        return private_json(start_view(job), 202 if is_new else 200)

    return await answered_once(request, account_id, start, body=body)


@router.get(
    "/jobs/{job_id}/transcript",
    summary="Get a job's transcript",
    openapi_extra={"parameters": [FORMAT]},
    responses={**TRANSCRIBE_RESPONSES, **NOT_FOUND, **CONFLICT, **ERRORS},
    response_class=JSONResponse,
)
async def job_transcript(request: Request, job_id: str) -> Response:
    """Return the transcript of a completed job, in any of the formats of `POST /v1/transcribe`."""
    account = await account_of(request)
    wanted = query_of(request).choice("format", accepted=RESPONSE_FORMATS, default="json")
    stored = await jobs_of(request).transcript(account.id, job_id)
    if wanted not in TEXT_FORMATS:
        return private_json({**stored.document, "transcript_id": stored.entry.id})
    return await asyncio.to_thread(lambda: text_response(transcript_of(stored.document), wanted, ()))


def _params(request: Request, fields: Fields) -> dict[str, Any]:
    model, warning = services_of(request).catalogue.resolve(fields.text("model"))
    options = TranscribeOptions(
        model=model,
        language=fields.language(),
        diarize=fields.boolean("diarize", default=True),
        speakers=speakers_of(fields),
        prompt=prompt_of(fields),
    )
    title = fields.text("title") or ""
    if len(title) > MAX_TITLE_CHARS:
        refuse("title", title, accepted=[f"a text of at most {MAX_TITLE_CHARS} characters"])
    return stt_params(
        options, title=title, webhook_url=fields.text("webhook_url"), warnings=(warning,) if warning else ()
    )


async def _json_object(request: Request) -> dict[str, Any]:
    content = await bounded_body(request)
    try:
        body = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object, or empty.")
    return body


def _as_fields(body: dict[str, Any]) -> dict[str, list[str]]:
    """Return JSON values as a form has them, so that one set of rules holds for both."""
    fields = {}
    for name, value in body.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        if any(isinstance(each, dict | list) for each in values):
            values = [json.dumps(each) for each in values]
        fields[name] = [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
    return fields
