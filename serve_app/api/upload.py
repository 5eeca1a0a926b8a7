"""Read a request's form, whatever it is encoded as; its file lies in the spool while the request runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request

from serve_app.api.multipart import FORM_OVERHEAD_BYTES, Form, FormReader, too_large
from serve_app.api.spool import spooled_path
from serve_app.errors import InvalidRequest

_MULTIPART = "multipart/form-data"
_URLENCODED = "application/x-www-form-urlencoded"
_IDLE_S = 60.0


@asynccontextmanager
async def read_form(request: Request, *, spool_dir: Path, max_file_bytes: int) -> AsyncIterator[Form]:
    """Read the request's form; its file is removed when the context ends, however that comes.

    Raises FileTooLarge before the body is read when Content-Length says so, else as soon as the limit is passed,
    InvalidRequest for anything that is no form, and ClientDisconnect when the client hangs up in the middle.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_file_bytes + FORM_OVERHEAD_BYTES:
        raise too_large(max_file_bytes)
    content_type = request.headers.get("content-type", "")
    kind = content_type.split(";")[0].strip().lower()
    if kind == _URLENCODED:
        yield Form(fields=await _read_urlencoded(request))
    elif kind == _MULTIPART:
        async with spooled_path(spool_dir) as path:
            reader = FormReader(content_type, path=path, max_file_bytes=max_file_bytes)
            async with aclosing(lively_body(request)) as chunks:
                form = await reader.read(chunks)
            yield form
    else:
        problem = f"{kind[:64]!r} is not accepted" if kind else "the Content-Type header is missing"
        raise InvalidRequest(
            f"Send the request as {_MULTIPART} ({problem}).", field="Content-Type", accepted=[_MULTIPART, _URLENCODED]
        )


async def _read_urlencoded(request: Request) -> dict[str, list[str]]:
    body = bytearray()
    async with aclosing(lively_body(request)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > FORM_OVERHEAD_BYTES:
                raise InvalidRequest(
                    f"The form is longer than {FORM_OVERHEAD_BYTES} bytes; send files as {_MULTIPART}."
                )
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid {_URLENCODED}.") from error


async def lively_body(request: Request) -> AsyncGenerator[bytes]:
    """Yield the body's chunks. Raises InvalidRequest when a client stops sending: it must not hold a slot for ever."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_IDLE_S) as waiting:
            async for chunk in request.stream():
                waiting.reschedule(None)  # our own time is not the client's
                yield chunk
                waiting.reschedule(loop.time() + _IDLE_S)
    except TimeoutError as error:
        raise InvalidRequest(f"Nothing more of the upload came for {_IDLE_S:g} seconds.") from error
