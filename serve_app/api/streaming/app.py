"""The ASGI application of one socket route."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Literal

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from serve_app.api.context import remember
from serve_app.api.streaming.platform import PlatformDialect
from serve_app.api.streaming.services import StreamServices
from serve_app.api.streaming.sixtydb import SixtydbDialect
from serve_app.api.streaming.socket import TRY_LATER, Connection, Dialect, serve_socket
from serve_app.errors import ModelQueueFull
from serve_app.ports import metrics

log = logging.getLogger("hark.streaming")

Route = Literal["platform", "sixtydb"]
_DIALECTS: dict[Route, Callable[[], Dialect]] = {"platform": PlatformDialect, "sixtydb": SixtydbDialect}


class SocketApp:
    """Serves one dialect at whatever path it is mounted."""

    def __init__(self, services: StreamServices, *, route: Route) -> None:
        self.state = SimpleNamespace()
        remember(self.state, services.shared)
        self._services = services
        self._route: Route = route
        self._sessions = 0
        self._draining = asyncio.Event()
        self.background: asyncio.Task[None] | None = None  # lives as long as the application

    @property
    def sessions(self) -> int:
        """How many are open."""
        return self._sessions

    def drain(self) -> None:
        """Let every session end with what it has heard, and take no new ones."""
        log.info(json.dumps({"event": "draining", "route": self._route, "open": self._sessions}))
        self._draining.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            scope["app"] = self
            await self._session(WebSocket(scope, receive, send))
        else:
            await self._answer()(scope, receive, send)

    async def _session(self, websocket: WebSocket) -> None:
        dialect = _DIALECTS[self._route]()
        meter = self._services.shared.meter
        await websocket.accept()
        if self._sessions >= self._services.settings.max_sessions or self._draining.is_set():
            meter.add(metrics.SESSIONS, route=self._route, outcome="refused")
            full = ModelQueueFull("As many sessions run as this service can hold; try again shortly.", retry_after_s=5)
            await websocket.send_json(dialect.error(full))
            await websocket.close(TRY_LATER)
            return
        self._sessions += 1
        meter.add(metrics.SESSIONS, route=self._route, outcome="taken")
        meter.set(metrics.SESSIONS_OPEN, self._sessions, route=self._route)
        session_id = uuid.uuid4().hex
        started_s = self._services.shared.clock()
        try:
            connection = Connection(websocket, self._services, session_id=session_id, draining=self._draining)
            await serve_socket(connection, dialect)
        finally:
            self._sessions -= 1
            lasted_s = self._services.shared.clock() - started_s
            meter.set(metrics.SESSIONS_OPEN, self._sessions, route=self._route)
            meter.add(metrics.SESSION_SECONDS, lasted_s, route=self._route)
            line = {"event": "session", "session_id": session_id, "route": self._route, "open": self._sessions}
            log.info(json.dumps(line | {"lasted_s": round(lasted_s, 2)}))

    def _answer(self) -> Response:
        if self._route == "sixtydb":
            return PlainTextResponse("ok")
        error = {"error": "This is a WebSocket: connect with ws:// or wss://.", "error_code": "INVALID_REQUEST"}
        return JSONResponse(error | {"details": {}}, status_code=426, headers={"Upgrade": "websocket"})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._services.shared.start is not None:
                    await self._services.shared.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                self.drain()
                await send({"type": "lifespan.shutdown.complete"})
                return
