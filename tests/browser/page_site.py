"""The page served by a small application, with a socket that does what a test tells it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from serve_app.api import pages
from serve_app.api.platform import languages

BOUNDED_S = 10.0
MODELS = [
    {"id": "large-v3-turbo", "name": "Whisper large-v3-turbo", "languages": 99, "speed": "fast", "available": False},
    {"id": "base", "name": "Whisper base", "languages": 99, "speed": "very_fast", "available": True},
]


class Site:
    """A running page. Sessions of the socket are kept in `sessions`, the last one last."""

    def __init__(self) -> None:
        self.url = ""
        self.sessions: list[Session] = []
        self.is_open = True  # callers without credentials are the owner
        self.refusal: tuple[dict[str, Any], int] | None = None  # instead of "ready": a message, a close code
        self.rejects_handshakes = False
        self._server = uvicorn.Server(
            uvicorn.Config(self._application(), port=0, log_level="error", lifespan="off", ws="websockets-sansio")
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve for the block, at `url`."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        wait_for(lambda: self._server.started)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        try:
            self.url = f"http://127.0.0.1:{port}"
            yield
        finally:
            self._server.should_exit = self._server.force_exit = True
            thread.join(BOUNDED_S)

    def reset(self) -> None:
        self.sessions.clear()
        self.is_open, self.refusal, self.rejects_handshakes = True, None, False

    @property
    def session(self) -> Session:
        """The last session, once there is one that is ready."""
        wait_for(lambda: self.sessions)
        return self.sessions[-1]

    def cut_connections(self) -> None:
        """Break every connection as a network does: without a close frame."""
        for connection in list(self._server.server_state.connections):
            assert self._loop is not None
            self._loop.call_soon_threadsafe(connection.transport.abort)  # type: ignore[union-attr]

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(serve())

    def _application(self) -> FastAPI:
        app = FastAPI()
        pages.install(app)
        app.include_router(languages.router)

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"models": MODELS}

        @app.get("/api/v1/account/")
        async def account() -> Response:
            return Response(status_code=200 if self.is_open else 401)

        @app.websocket("/v1/stream")
        async def stream(websocket: WebSocket) -> None:
            if self.rejects_handshakes:
                await websocket.close()
                return
            await websocket.accept()
            if self.refusal:
                message, code = self.refusal
                if message:
                    await websocket.send_json(message)
                await websocket.close(code)
                return
            session = Session(websocket, asyncio.get_running_loop())
            await websocket.send_json({"status": "ready", "model": "base"})
            self.sessions.append(session)
            await session.listen()

        return app


class Session:
    """One connection to the socket; `say` and `close` may be called from the test's thread."""

    def __init__(self, websocket: WebSocket, loop: asyncio.AbstractEventLoop) -> None:
        self.query = dict(websocket.query_params)
        self.frames: list[bytes] = []
        self.messages: list[dict[str, Any]] = []
        self.final_text: str | None = None  # of the last message; by default everything that was said
        self._said: list[str] = []
        self._websocket = websocket
        self._loop = loop

    async def listen(self) -> None:
        """Keep what comes; end in good order when the client stops."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message.get("bytes") is not None:
                    self.frames.append(message["bytes"])
                    continue
                self.messages.append(json.loads(message["text"]))
                if self.messages[-1] == {"action": "stop"}:
                    text = " ".join(self._said) if self.final_text is None else self.final_text
                    await self._websocket.send_json({"text": text, "is_final": True, "final": True, "duration": 1.0})
                    await self._websocket.close(1000)
                    return

    def say(
        self, *words: tuple[str, float, float], text: str | None = None, partial: str = "", ended: bool = False
    ) -> None:
        """Send final words (text, start, end), then what may still change."""
        text = " ".join(word for word, _, _ in words) if text is None else text
        self._said.extend([text] if text else [])
        message: dict[str, Any] = {
            "text": text,
            "partial": partial,
            "start": words[0][1] if words else None,
            "end": words[-1][2] if words else None,
            "words": [{"word": word, "start": start, "end": end} for word, start, end in words],
            "language": "en",
        }
        self._call(self._websocket.send_json(message | ({"speech_final": True} if ended else {})))

    def close(self, code: int, fault: dict[str, Any] | None = None) -> None:
        if fault:
            self._call(self._websocket.send_json(fault))
        self._call(self._websocket.close(code))

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(BOUNDED_S)


def wait_for(condition: Callable[[], Any]) -> None:
    """Return once the condition holds; fail if it does not in time."""
    deadline_s = time.monotonic() + BOUNDED_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError("what was waited for did not happen")
        time.sleep(0.01)
