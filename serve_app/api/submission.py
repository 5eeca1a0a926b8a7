"""The way of a transcription request up to the transcriber: credentials, limits, form, file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from serve_app.admission.callers import Caller, client_address, identify, presented_key
from serve_app.admission.gate import Ticket
from serve_app.api.context import gate_of, networks_of, services_of
from serve_app.api.fields import Fields
from serve_app.api.hang_up import unless_hung_up
from serve_app.api.services import ApiSettings
from serve_app.api.spool import spooled_path
from serve_app.api.upload import read_form
from serve_app.errors import CorruptMedia, InvalidRequest, MissingFile
from serve_app.ports.speech import MediaFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An admitted request whose file has arrived."""

    fields: Fields
    source: MediaFile
    ticket: Ticket
    max_duration_s: float | None


@asynccontextmanager
async def open_submission(request: Request, *, may_send_url: bool = True) -> AsyncIterator[Submission]:
    """Admit the caller, then read the form and its file, which exist until the context ends.

    Credentials, concurrency and the declared size are looked at before the body.
    """
    services = services_of(request)
    caller = caller_of(request)
    max_file_bytes, max_duration_s = _limits(services.settings, caller)
    async with AsyncExitStack() as stack:
        ticket = await stack.enter_async_context(gate_of(request).admit(caller))
        form = await stack.enter_async_context(
            read_form(request, spool_dir=services.settings.spool_dir, max_file_bytes=max_file_bytes)
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
            path = await stack.enter_async_context(spooled_path(services.settings.spool_dir))
            source = await unless_hung_up(request.receive, _fetched(request, url, path, max_file_bytes))
        else:
            raise MissingFile(f"Send the recording in the field 'file'{' or name it in url' if may_send_url else ''}.")
        yield Submission(fields=fields, source=source, ticket=ticket, max_duration_s=max_duration_s)


def caller_of(request: Request) -> Caller:
    """Return who is calling; raises Unauthenticated for a wrong key."""
    address = client_address(
        peer=request.client.host if request.client else "",
        forwarded_for=request.headers.get("x-forwarded-for"),
        trusted=networks_of(request),
    )
    key = presented_key(authorization=request.headers.get("authorization"), x_api_key=request.headers.get("x-api-key"))
    return identify(operator_key=services_of(request).settings.operator_key, presented=key, address=address)


def _limits(settings: ApiSettings, caller: Caller) -> tuple[int, float | None]:
    """Return the caller's largest file in bytes and longest recording in seconds."""
    if not caller.anonymous:
        return settings.max_file_bytes, settings.max_duration_s
    n_bytes = [settings.max_file_bytes, settings.anonymous.max_file_bytes]
    seconds = [settings.max_duration_s, settings.anonymous.max_duration_s]
    return (
        min(limit for limit in n_bytes if limit is not None),
        min((limit for limit in seconds if limit is not None), default=None),
    )


async def _fetched(request: Request, url: str, path: str, max_bytes: int) -> MediaFile:
    services = services_of(request)
    if services.fetcher is None:
        raise InvalidRequest("This service does not fetch URLs; send the recording in the field 'file'.", field="url")
    name = await services.fetcher.fetch(url, to_path=path, max_bytes=max_bytes)
    return MediaFile(path=path, name=name, node_id=services.node_id)
