"""What the routes of jobs have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.account.routing import query_of
from serve_app.api.callers import account_of, admin_of
from serve_app.api.context import services_of
from serve_app.errors import NotFound, SpeechError
from serve_app.jobs.idempotency import fingerprint, idempotency_key
from serve_app.jobs.service import JobService
from serve_app.ports.records import Replay

_RUNNING_S = 60.0  # a request that takes longer is taken for crashed


def jobs_of(request: Request) -> JobService:
    """Return the service of jobs; raises NotFound where there is none."""
    jobs = services_of(request).jobs
    if jobs is None:
        raise NotFound("This service runs no jobs.")
    return jobs


async def scope_of(request: Request) -> str | None:
    """Return whose jobs the caller sees: its own account's, or with `all=true`, for admins, everybody's (None)."""
    if query_of(request).boolean("all", default=False):
        await admin_of(request)
        return None
    return (await account_of(request)).id


async def answered_once(
    request: Request, account_id: str, work: Callable[[], Awaitable[Response]], **asked: Any
) -> Response:
    """Answer a request; with an `Idempotency-Key` that was sent before, as it was answered then.

    `asked` is what the request asks for besides its route. A request that fails may be sent again under its key.
    """
    sent = request.headers.get("idempotency-key")
    if sent is None:
        return await work()
    key = idempotency_key(sent)
    digest = bytes.fromhex(fingerprint(route=f"{request.method} {request.url.path}", asked=asked))
    store = services_of(request).stores.idempotency
    replay = await store.begin(account_id, key, fingerprint=digest, ttl_s=_RUNNING_S)
    if replay is not None:
        headers = {"Idempotency-Replayed": "true"}
        return Response(replay.body, replay.status, headers, media_type=replay.content_type)
    try:
        response = await work()
    except BaseException:
        await asyncio.shield(_abandoned(store.abandon(account_id, key)))
        raise
    content_type = response.headers.get("content-type", "application/json")
    await store.finish(
        account_id, key, Replay(status=response.status_code, body=bytes(response.body), content_type=content_type)
    )
    return response


async def _abandoned(abandoning: Awaitable[None]) -> None:
    try:
        await abandoning
    except SpeechError:
        return  # the database is away: the key is free again when its time is over
