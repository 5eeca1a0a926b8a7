"""The sockets as a client meets them: sound at the pace of speech, and every message with its time."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.common.errors import ServiceRefused

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from websockets.asyncio.client import ClientConnection

RATE_HZ = 16_000
FRAME_S = 0.1
READY_S = 30.0
END_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a session is opened and ended; `ready` is the message that says it may begin."""

    name: str
    path: str
    opening: Callable[[str | None], dict[str, Any]]  # by language
    ready: tuple[str, str]
    stop: dict[str, str]


PLATFORM = Dialect(
    name="/v1/stream",
    path="/v1/stream",
    opening=lambda language: {"language": language or "auto"},
    ready=("status", "ready"),
    stop={"action": "stop"},
)


def sixtydb(*, utterance_end_ms: int) -> Dialect:
    def opening(language: str | None) -> dict[str, Any]:
        config = {"encoding": "linear", "sample_rate": RATE_HZ, "utterance_end_ms": utterance_end_ms}
        return {"type": "start", "languages": [language] if language else None, "config": config}

    return Dialect(
        name="/ws/stt",
        path="/ws/stt",
        opening=opening,
        ready=("type", "session_started"),
        stop={"type": "stop"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What came, and when: at the pace of speech, sound of time t of the stream is sent at t."""

    at_s: float
    content: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class LiveRun:
    """One session from its first frame to its close."""

    audio_s: float
    messages: list[Message] = field(default_factory=list)
    close_code: int | None = None
    latest_send_s: float = 0.0  # how late we were ourselves: latencies hold the worst of it

    @property
    def last(self) -> dict[str, Any]:
        return self.messages[-1].content if self.messages else {}


def connect(url: str, path: str) -> Any:
    """Return the context of a connection. We answer pings, but send none: a busy service is measured, not judged."""
    import websockets

    key = os.environ.get("HARK_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = url.rstrip("/").replace("http", "ws", 1) + path
    return websockets.connect(address, proxy=None, additional_headers=headers, max_size=None, ping_interval=None)


async def speak(
    url: str, dialect: Dialect, samples: npt.NDArray[np.int16], *, language: str | None, delay_s: float = 0.0
) -> LiveRun:
    """Stream (n_samples,) at 16 kHz as if it were spoken now, stop, and take every message until the close."""
    await asyncio.sleep(delay_s)
    run = LiveRun(audio_s=samples.size / RATE_HZ)
    async with open_session(url, dialect, language=language) as socket:
        started_s = time.perf_counter()
        listening = asyncio.create_task(_listen(socket, run, started_s))
        try:
            for sent_s, frame in frames(samples):
                due_s = started_s + sent_s
                await asyncio.sleep(max(due_s - time.perf_counter(), 0))
                run.latest_send_s = max(run.latest_send_s, time.perf_counter() - due_s)
                await socket.send(frame)
            await socket.send(json.dumps(dialect.stop))
            async with asyncio.timeout(END_S):
                await listening
        finally:
            listening.cancel()
        run.close_code = socket.close_code
    return run


class open_session:  # noqa: N801 - used as a function
    """An open session, for the block. Raises ServiceRefused when there is none to be had."""

    def __init__(self, url: str, dialect: Dialect, *, language: str | None) -> None:
        self._context = connect(url, dialect.path)
        self._dialect = dialect
        self._language = language

    async def __aenter__(self) -> ClientConnection:
        socket: ClientConnection = await self._context.__aenter__()
        await socket.send(json.dumps(self._dialect.opening(self._language)))
        name, value = self._dialect.ready
        async with asyncio.timeout(READY_S):
            while (message := json.loads(await socket.recv())).get(name) != value:
                if "error" in message:
                    raise ServiceRefused(f"{self._dialect.path} answered {message.get('error_code')}.")
        return socket

    async def __aexit__(self, *fault: Any) -> None:
        with suppress(Exception):
            await self._context.__aexit__(*fault)


def frames(samples: npt.NDArray[np.int16]) -> list[tuple[float, bytes]]:
    """Return the frames of a recording, each with the time of its end: a microphone has it only then."""
    content, size = samples.astype("<i2").tobytes(), round(FRAME_S * RATE_HZ) * 2
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    return [((index + 1) * FRAME_S, part) for index, part in enumerate(parts)]


async def timed(socket: ClientConnection, started_s: float) -> AsyncIterator[Message]:
    """Yield what comes until the socket closes, whatever closes it."""
    import websockets

    with suppress(websockets.ConnectionClosed):
        async for text in socket:
            yield Message(at_s=time.perf_counter() - started_s, content=json.loads(text))


async def _listen(socket: ClientConnection, run: LiveRun, started_s: float) -> None:
    async for message in timed(socket, started_s):
        run.messages.append(message)
