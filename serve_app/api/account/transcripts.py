"""`/api/v1/transcripts/`: what the account has stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import JSONResponse, Response

from serve_app.api.account.routing import PREFIX, SlashRouter, private_json, query_of
from serve_app.api.account.schemas import (
    DEFAULT_LIMIT,
    ERRORS,
    LIST_PARAMETERS,
    MAX_LIMIT,
    MAX_OFFSET,
    MAX_Q,
    NOT_FOUND,
    STATUSES,
    page_of,
    reference,
    response,
)
from serve_app.api.callers import account_of
from serve_app.api.context import services_of
from serve_app.api.fields import Fields, refuse
from serve_app.jobs.views import iso
from serve_app.ports.records import StoredTranscript, TranscriptEntry, TranscriptFilter, TranscriptPage

router = SlashRouter(prefix=PREFIX, tags=["Transcripts"])

_FILTERS = ("status", "language", "date_from", "date_to", "q")


@router.get(
    "/transcripts/",
    summary="List transcripts",
    openapi_extra={"parameters": LIST_PARAMETERS},
    responses={200: response("A page of them.", page_of("TranscriptEntry", linked=True)), **ERRORS},
    response_class=JSONResponse,
)
async def list_transcripts(request: Request) -> Response:
    """List stored transcripts, newest first. Filters combine; `q` finds beginnings of words in title and text."""
    account = await account_of(request)
    fields = query_of(request)
    limit = fields.integer("limit", default=DEFAULT_LIMIT, at_least=1, at_most=MAX_LIMIT) or DEFAULT_LIMIT
    offset = fields.integer("offset", default=0, at_least=0, at_most=MAX_OFFSET) or 0
    where = _filter(fields)
    page = await services_of(request).stores.transcripts.page(account.id, limit=limit, offset=offset, where=where)
    asked = {name: value for name in _FILTERS if (value := fields.text(name))}
    return private_json(_page_view(page, base=_base(request), asked=asked, limit=limit, offset=offset))


@router.get(
    "/transcripts/{transcript_id}/",
    summary="Show a transcript",
    responses={200: response("The transcript.", reference("StoredTranscript")), **NOT_FOUND, **ERRORS},
    response_class=JSONResponse,
)
async def show_transcript(request: Request, transcript_id: str) -> Response:
    """Show a transcript, named by its id or slug, with its segments and words."""
    account = await account_of(request)
    stored = await services_of(request).stores.transcripts.get(account.id, transcript_id)
    return await asyncio.to_thread(lambda: private_json(_detail_view(stored)))  # hours of words are megabytes


@router.delete(
    "/transcripts/{transcript_id}/",
    status_code=204,
    summary="Delete a transcript",
    responses={204: {"description": "Deleted."}, **NOT_FOUND, **ERRORS},
    response_class=Response,
)
async def delete_transcript(request: Request, transcript_id: str) -> Response:
    """Delete a transcript, named by its id or slug, with everything made from it."""
    account = await account_of(request)
    await services_of(request).stores.transcripts.delete(account.id, transcript_id)
    return Response(status_code=204)


def _filter(fields: Fields) -> TranscriptFilter:
    q = fields.text("q") or ""
    if len(q) > MAX_Q:
        refuse("q", q, accepted=[f"a text of at most {MAX_Q} characters"])
    return TranscriptFilter(
        status=fields.choice("status", accepted=STATUSES, default="") or None,
        language=fields.language(),
        date_from=_time(fields, "date_from"),
        date_to=_time(fields, "date_to", whole_day=True),
        q=q,
    )


def _time(fields: Fields, name: str, *, whole_day: bool = False) -> datetime | None:
    """Return a time; a date is its first moment, or, for the end of a span, the first after it."""
    value = fields.text(name)
    if value is None:
        return None
    try:
        if len(value) <= len("2026-01-31"):
            day = date.fromisoformat(value) + timedelta(days=1 if whole_day else 0)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        refuse(name, value, accepted=["a date (2026-01-31)", "a time (2026-01-31T12:00:00Z; UTC unless it says)"])


def _base(request: Request) -> str:
    return str(request.url.replace(query="", fragment=""))


def _page_view(page: TranscriptPage, *, base: str, asked: Mapping[str, str], limit: int, offset: int) -> dict[str, Any]:
    def url(other_offset: int) -> str:
        return f"{base}?{urlencode({**asked, 'limit': limit, 'offset': other_offset})}"

    before = max(min(offset, page.count) - limit, 0)
    return {
        "count": page.count,
        "limit": limit,
        "offset": offset,
        "next": url(offset + limit) if offset + limit < page.count else None,
        "previous": url(before) if offset > 0 else None,
        "results": [_entry_view(entry) for entry in page.results],
    }


def _entry_view(entry: TranscriptEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "slug": entry.slug,
        "title": entry.title,
        "status": entry.status,
        "language": entry.language,
        "model": entry.model,
        "duration": round(entry.duration_s, 3),
        "created_at": iso(entry.created_at),
        "expires_at": iso(entry.expires_at),
    }


def _detail_view(stored: StoredTranscript) -> dict[str, Any]:
    empty = {"text": stored.text, "segments": [], "speakers": [], "warning_codes": []}
    return {**empty, **stored.document, **_entry_view(stored.entry)}
