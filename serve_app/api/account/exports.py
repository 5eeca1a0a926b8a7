"""`GET /api/v1/transcripts/{id}/export/{format}/`: a stored transcript as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Path, Query, Request
from starlette.responses import Response

from serve_app.api.account.filenames import attachment
from serve_app.api.account.routing import NO_STORE, PREFIX, SlashRouter, json_bytes
from serve_app.api.account.schemas import CONFLICT, ERRORS, EXPORT_FORMATS, NOT_FOUND
from serve_app.api.callers import account_of
from serve_app.api.context import services_of
from serve_app.api.fields import refuse
from serve_app.api.services import Documents
from serve_app.api.text.redaction import redactor_of
from serve_app.api.text.services import TextServices
from serve_app.api.text.working import worked
from serve_app.errors import NotReady, RateLimited
from serve_app.ports.records import StoredTranscript
from serve_app.transcript.json_read import transcript_of
from serve_app.transcript.json_view import segment_json
from serve_app.transcript.subtitles import render_srt, render_vtt
from serve_app.transcript.table import render_csv
from serve_app.transcript.text import render_txt

router = SlashRouter(prefix=PREFIX, tags=["Transcripts"])

_TEXTS = {"txt": render_txt, "srt": render_srt, "vtt": render_vtt, "csv": render_csv}
_DOCUMENTS = ("docx", "pdf")
MEDIA_TYPES = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}
_EXPORT = {
    "description": "The file, named in `Content-Disposition`.",
    "content": {
        kind.split(";")[0]: {"schema": {} if kind == "application/json" else {"type": "string"}}
        for kind in MEDIA_TYPES.values()
    },
}
Redact = Annotated[bool, Query(description="Leave personal data out: typed placeholders stand for it.")]
ExportFormat = Annotated[str, Path(alias="format", json_schema_extra={"enum": list(EXPORT_FORMATS)})]


@router.get(
    "/transcripts/{transcript_id}/export/{format}/",
    summary="Export a transcript",
    responses={200: _EXPORT, **NOT_FOUND, **CONFLICT, **ERRORS},
    response_class=Response,
)
async def export_transcript(
    request: Request, transcript_id: str, export_format: ExportFormat, redact: Redact = False
) -> Response:
    """Download a transcript, named by its id or slug, as txt, srt, vtt, json, csv, docx or pdf."""
    account = await account_of(request)
    services = services_of(request)
    wanted = export_format.lower()
    offered = [kind for kind in EXPORT_FORMATS if services.documents is not None or kind not in _DOCUMENTS]
    if wanted not in offered:
        refuse("format", export_format, accepted=offered)
    stored = await services.stores.transcripts.get(account.id, transcript_id)
    if stored.entry.status != "completed":
        raise NotReady("This transcript is not complete, so there is nothing to export.", status=stored.entry.status)
    if redact:  # a language model may be asked: nobody's turn at the desk waits for that
        stored = await worked(request, _redacted(stored, services.text))
    async with _desk_of(request).turn():
        content = await asyncio.to_thread(_rendered, stored, wanted, services.documents)
    headers = {
        **NO_STORE,
        "Content-Disposition": attachment(stored.entry.title, extension=wanted),
        "X-Content-Type-Options": "nosniff",  # what was said in a recording is never a page of this site
    }
    return Response(content, headers=headers, media_type=MEDIA_TYPES[wanted])


async def _redacted(stored: StoredTranscript, text: TextServices) -> StoredTranscript:
    """Return the transcript without personal data; its title is the owner's own and stays."""
    redactor = await redactor_of(text)
    transcript = await redactor.redact_transcript(transcript_of(stored.document))
    has_words = any("words" in segment for segment in stored.document["segments"])
    segments = [
        segment_json(segment, diarized=bool(stored.document["speakers"]), words=has_words)
        for segment in transcript.segments
    ]
    return replace(stored, document={**stored.document, "text": transcript.text, "segments": segments})


def _rendered(stored: StoredTranscript, wanted: str, documents: Documents | None) -> bytes:
    if wanted == "json":
        return json_bytes(stored.document, indent=2)
    transcript = transcript_of(stored.document)
    if wanted in _TEXTS:
        return _TEXTS[wanted](transcript).encode("utf-8", "replace")
    assert documents is not None  # noqa: S101 - for the type checker: not offered without
    render = documents.pdf if wanted == "pdf" else documents.docx
    return render(transcript, title=stored.entry.title, created_at=stored.entry.created_at)


@dataclass(slots=True)
class ExportDesk:
    """Lets few render at once, and a bounded number wait: ten hours of speech take a core for seconds."""

    at_once: int = 2
    max_waiting: int = 32
    _waiting: int = 0
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises RateLimited when too many wait."""
        if self._slots.locked() and self._waiting >= self.max_waiting:
            raise RateLimited("Too many exports at once; try again shortly.", retry_after_s=5)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


def _desk_of(request: Request) -> ExportDesk:
    state = request.app.state
    if not hasattr(state, "export_desk"):
        state.export_desk = ExportDesk()
    desk: ExportDesk = state.export_desk
    return desk
