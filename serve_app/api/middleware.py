"""Around every request: its id, the access log, and a last answer to unforeseen faults."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.api.context import RequestContext, is_sane_request_id, open_context
from serve_app.api.errors import as_speech_error, error_response
from serve_app.api.services import Access, Services
from serve_app.errors import ClientCancelled

access_log = logging.getLogger("hark.access")
log = logging.getLogger("hark.api")


class RequestMiddleware:
    """Pure ASGI, so that streams are never buffered."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = open_context(scope)
        server_sends_request_id = self._services.settings.server_sends_request_id
        exchange = _Exchange(scope, receive, send, context, server_sends_request_id=server_sends_request_id)
        started_s = self._services.clock()
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            # The server cancels a request when its client hangs up.
            context.status, context.error_code = ClientCancelled.status, ClientCancelled.error_code
            raise
        except Exception as error:  # the last line: a caller always gets the error contract
            await _answer_fault(exchange, error)
        finally:
            self._record(exchange, self._services.clock() - started_s)

    def _record(self, exchange: _Exchange, duration_s: float) -> None:
        route = exchange.scope.get("route")
        access = Access(
            request_id=exchange.context.request_id,
            method=exchange.scope["method"],
            route=getattr(route, "path", ""),
            status=exchange.context.status or exchange.status or 500,
            error_code=exchange.context.error_code,
            duration_s=round(duration_s, 4),
            body_bytes=exchange.body_bytes,
        )
        line = {"event": "request", **{name: getattr(access, name) for name in Access.__slots__}}
        access_log.info(json.dumps(line))
        self._services.observe(access)


class _Exchange:
    """One request and its response, as far as they got."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, context: RequestContext, *, server_sends_request_id: bool
    ) -> None:
        self.scope = scope
        self._server_sends_request_id = server_sends_request_id
        self.context = context
        self.status: int | None = None  # of the response, once it started
        self.body_bytes = 0
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        self.body_bytes += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._server_sends_request_id:
                request_id = (b"x-request-id", self.context.request_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), request_id]}
        await self._send(message)


async def _answer_fault(exchange: _Exchange, error: Exception) -> None:
    fault: Any = as_speech_error(error)
    context = exchange.context
    context.error_code = fault.error_code
    if fault.status == ClientCancelled.status:
        context.status = fault.status
        return
    if fault.status == 500:
        log.error("request_failed request_id=%s error=%s", context.request_id, type(error).__name__, exc_info=error)
    if exchange.status is not None:
        raise error  # the response has begun: the server can only cut it short
    response = error_response(fault, path=exchange.scope["path"], request_id=context.request_id)
    await response(exchange.scope, exchange.receive, exchange.send)


class SaneRequestIds:
    """Drops odd request ids of callers. For a server that echoes them before the application can see them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [
                (name, value)
                for name, value in scope["headers"]
                if name != b"x-request-id" or is_sane_request_id(value)
            ]
            scope = {**scope, "headers": kept}
        await self._app(scope, receive, send)


def server_middlewares() -> list[Middleware]:
    """Return what belongs around a server's own middleware (Ray Serve: RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH)."""
    return [Middleware(SaneRequestIds)]
