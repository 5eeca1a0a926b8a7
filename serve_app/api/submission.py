"""The way of a transcription request up to the transcriber: credentials, limits, form, file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Ticket
from serve_app.api.callers import caller_of
from serve_app.api.context import context_of, gate_of, services_of
from serve_app.api.fields import Fields
from serve_app.api.hang_up import unless_hung_up
from serve_app.api.spool import spooled_path
from serve_app.api.upload import read_form
from serve_app.errors import CorruptMedia, InvalidRequest, MissingFile
from serve_app.ports.speech import MediaFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An admitted request whose file has arrived."""

    fields: Fields
    source: MediaFile
    caller: Caller
    ticket: Ticket
    max_duration_s: float | None


@asynccontextmanager
async def open_submission(request: Request, *, may_send_url: bool = True) -> AsyncIterator[Submission]:
    """Admit the caller, then read the form and its file, which exist until the context ends.

    Credentials, what waits already, concurrency and the declared size are looked at before the body.
    """
    services = services_of(request)
    settings = services.settings
    caller = await caller_of(request)
    max_file_bytes = min(settings.max_file_bytes, caller.plan.max_file_bytes or settings.max_file_bytes)
    async with AsyncExitStack() as stack:
        with services.backlog.arriving(caller.bucket):
            reference = context_of(request.scope).request_id
            ticket = await stack.enter_async_context(gate_of(request).admit(caller, feature="stt", reference=reference))
            form = await stack.enter_async_context(
                read_form(request, spool_dir=settings.spool_dir, max_file_bytes=max_file_bytes)
            )
            fields = Fields(form.fields)
            url = fields.text("url") if may_send_url else None
            if form.file is not None and url is not None:
                raise InvalidRequest("Send either a file or a url, not both.", field="url")
            if form.file is not None:
                if form.file.n_bytes == 0:
                    raise CorruptMedia("The file is empty (0 bytes).", field="file")
                source = MediaFile(path=form.file.path, name=form.file.name, node_id=services.node_id)
            elif url is not None:
                path = await stack.enter_async_context(spooled_path(settings.spool_dir))
                source = await unless_hung_up(request.receive, _fetched(request, url, path, max_file_bytes))
            else:
                elsewhere = " or name it in url" if may_send_url else ""
                raise MissingFile(f"Send the recording in the field 'file'{elsewhere}.")
        yield Submission(
            fields=fields,
            source=source,
            caller=caller,
            ticket=ticket,
            max_duration_s=_least(settings.max_duration_s, caller.plan.max_duration_s),
        )


def _least(*limits: float | None) -> float | None:
    """Return the lowest limit; None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


async def _fetched(request: Request, url: str, path: str, max_bytes: int) -> MediaFile:
    services = services_of(request)
    if services.fetcher is None:
        raise InvalidRequest("This service does not fetch URLs; send the recording in the field 'file'.", field="url")
    name = await services.fetcher.fetch(url, to_path=path, max_bytes=max_bytes)
    return MediaFile(path=path, name=name, node_id=services.node_id)
