"""`/v1/jobs`: the caller's jobs of every kind."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from serve_app.api.account.routing import private_json, query_of
from serve_app.api.callers import account_of
from serve_app.api.context import services_of
from serve_app.api.fields import Fields, refuse
from serve_app.api.jobs.context import answered_once, jobs_of, scope_of
from serve_app.api.jobs.schemas import (
    ALL,
    CONFLICT,
    DEFAULT_LIMIT,
    ERRORS,
    IDEMPOTENCY_KEY,
    JOB,
    JOB_PAGE,
    KINDS,
    LIST_QUERY,
    MAX_LIMIT,
    NOT_FOUND,
    RESULT,
    STATUSES,
)
from serve_app.api.objects import byte_range_response
from serve_app.errors import NotFound, NotReady
from serve_app.jobs.views import job_view, start_view

router = APIRouter(prefix="/v1/jobs", tags=["Jobs"])

Name = TypeVar("Name", bound=str)

RESULT_URL_S = 600


@router.get(
    "",
    summary="List jobs",
    openapi_extra={"parameters": [*LIST_QUERY, ALL]},
    responses={200: JOB_PAGE, **ERRORS},
    response_class=JSONResponse,
)
async def list_jobs(request: Request) -> Response:
    """List the caller's jobs, newest first. `next_cursor` is what to send as `cursor` for the following ones."""
    scope = await scope_of(request)
    fields = query_of(request)
    kind, status = fields.text("kind"), fields.text("status")
    jobs, cursor = await jobs_of(request).page(
        scope,
        kind=None if kind is None else _known(kind, "kind", KINDS),
        status=None if status is None else _known(status, "status", STATUSES),
        limit=fields.integer("limit", default=DEFAULT_LIMIT, at_least=1, at_most=MAX_LIMIT) or DEFAULT_LIMIT,
        before=_cursor(fields),
    )
    return private_json({"jobs": [job_view(job) for job in jobs], "next_cursor": cursor})


@router.get(
    "/{job_id}",
    summary="Look at a job",
    openapi_extra={"parameters": [ALL]},
    responses={200: JOB, **NOT_FOUND, **ERRORS},
    response_class=JSONResponse,
)
async def show_job(request: Request, job_id: str) -> Response:
    """Say how far a job has come."""
    return private_json(job_view(await jobs_of(request).get(await scope_of(request), job_id)))


@router.delete(
    "/{job_id}",
    summary="Cancel a job",
    openapi_extra={"parameters": [ALL]},
    responses={200: JOB, **NOT_FOUND, **CONFLICT, **ERRORS},
    response_class=JSONResponse,
)
async def cancel_job(request: Request, job_id: str) -> Response:
    """Cancel a job that has not ended: the work stops and its credits come back."""
    return private_json(job_view(await jobs_of(request).cancel(await scope_of(request), job_id)))


@router.post(
    "/{job_id}/retry",
    status_code=202,
    summary="Run a failed job again",
    openapi_extra={"parameters": [IDEMPOTENCY_KEY, ALL]},
    responses={202: JOB, **NOT_FOUND, **CONFLICT, **ERRORS},
    response_class=JSONResponse,
)
async def retry_job(request: Request, job_id: str) -> Response:
    """Queue a failed job once more; its credits are reserved anew. Its upload is kept for some days."""
    caller = await account_of(request)
    scope = await scope_of(request)

    async def again() -> Response:
        return private_json(start_view(await jobs_of(request).run_again(scope, job_id)), 202)

    return await answered_once(request, caller.id, again)


@router.get(
    "/{job_id}/result",
    summary="Download a job's result",
    responses={**RESULT, **NOT_FOUND, **CONFLICT, **ERRORS},
    response_class=Response,
)
async def job_result(request: Request, job_id: str) -> Response:
    """Download what a dubbing or speech job has made; `Range` is honoured. A transcript has a route of its own."""
    account = await account_of(request)
    job = await jobs_of(request).get(account.id, job_id)
    if job.kind == "stt":
        raise NotFound(f"The result of this job is a transcript: GET /v1/stt/jobs/{job.id}/transcript.")
    objects = services_of(request).objects
    if job.status != "completed" or job.result_key is None or objects is None:
        raise NotReady(f"This job is {job.status}; its result is there once it is completed.", status=job.status)
    if services_of(request).url_signer is None:  # the storage is elsewhere: let it send the bytes
        url = await objects.signed_url("GET", job.result_key, expires_in_s=RESULT_URL_S)
        return RedirectResponse(url.url, 307)
    response: StreamingResponse | Response = await byte_range_response(request, objects, job.result_key)
    return response


def _known(value: str, field: str, accepted: tuple[Name, ...]) -> Name:
    for name in accepted:
        if name == value.lower():
            return name
    refuse(field, value, accepted=accepted)


def _cursor(fields: Fields) -> str | None:
    sent = fields.text("cursor")
    if sent is None:
        return None
    try:
        return str(UUID(sent))
    except ValueError:
        refuse("cursor", sent, accepted=["`next_cursor` of the page before"])
