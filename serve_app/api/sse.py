"""Server-sent events whose resources are released however the stream ends."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serve_app.api.context import context_of
from serve_app.api.errors import as_speech_error, error_json
from serve_app.api.hang_up import unless_hung_up
from serve_app.errors import ClientCancelled

log = logging.getLogger("hark.api")

HEARTBEAT = b": still working\n\n"


def sse(payload: dict[str, Any], *, event: str | None = None) -> bytes:
    """Encode one event."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {body}\n\n".encode()


class EventStream(Response):
    """Sends messages as they come. Owns `resources` and releases them when the stream ends or the client hangs up.

    A fault in the middle is sent as a last event in the error shape of the route's dialect.
    """

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncIterator[bytes], *, resources: AsyncExitStack) -> None:
        self.background = None
        self.status_code = 200
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._messages = messages
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._resources:
                await unless_hung_up(receive, self._send_all(scope, send))
        except ClientCancelled as fault:
            context = context_of(scope)
            context.status, context.error_code = fault.status, fault.error_code

    async def _send_all(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for message in self._messages:
                await send({"type": "http.response.body", "body": message, "more_body": True})
        except Exception as error:  # the status is sent: a fault can only be told in the stream
            await send({"type": "http.response.body", "body": _fault_message(scope, error), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _fault_message(scope: Scope, error: Exception) -> bytes:
    context = context_of(scope)
    fault = as_speech_error(error)
    context.error_code = fault.error_code
    if fault.status == 500:
        log.error("stream_failed request_id=%s error=%s", context.request_id, type(error).__name__, exc_info=error)
    return sse(error_json(fault, path=scope["path"], request_id=context.request_id), event="error")
