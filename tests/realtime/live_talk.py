"""Talking to the sockets with a public client."""

from __future__ import annotations

import asyncio
import difflib
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import websockets
from websockets.asyncio.client import ClientConnection

RATE_HZ = 16_000
FRAME_S = 0.1
MAX_SESSIONS = 8  # of the service of these tests, on each route
STOP = '{"action": "stop"}'


@dataclass
class Heard:
    """What a session sent, each message with the seconds since the first frame of sound."""

    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    close_code: int | None = None

    @property
    def contents(self) -> list[dict[str, Any]]:
        return [message for _, message in self.messages]

    @property
    def last(self) -> dict[str, Any]:
        return self.messages[-1][1]

    @property
    def updates(self) -> list[tuple[float, dict[str, Any]]]:
        return [(time_s, m) for time_s, m in self.messages if "partial" in m]

    @property
    def committed(self) -> str:
        return " ".join(m["text"] for _, m in self.updates if m["text"])

    @property
    def finals(self) -> list[dict[str, Any]]:
        """The canonical finals of the 60db dialect."""
        return [m for m in self.contents if m.get("type") == "transcription" and m["speech_final"]]


async def connect(url: str, **options: Any) -> ClientConnection:
    return await websockets.connect(url, proxy=None, max_size=None, **options)


def pcm(samples: np.ndarray) -> bytes:
    return samples.astype("<i2").tobytes()


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.int16)


def frames(content: bytes, size: int = round(FRAME_S * RATE_HZ) * 2) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


async def listen(socket: ClientConnection, heard: Heard) -> None:
    """Note every message until the socket closes."""
    started_s = time.monotonic()
    with suppress(websockets.ConnectionClosed):
        async for message in socket:
            heard.messages.append((time.monotonic() - started_s, json.loads(message)))
    heard.close_code = socket.close_code


async def stream(
    url: str,
    speech: np.ndarray,
    *,
    silence_s: float = 1.0,
    end: str | bytes = STOP,
    meanwhile: Callable[[Heard], Awaitable[None]] | None = None,
    **options: Any,
) -> Heard:
    """Send speech as it is spoken. `meanwhile` runs beside it."""
    heard = Heard()
    async with await connect(url, **options) as socket:
        await socket.send(json.dumps({"language": "en", "model": "large-v3-turbo"}))
        assert json.loads(await socket.recv())["status"] == "ready"
        listening = asyncio.create_task(listen(socket, heard))
        beside = asyncio.create_task(meanwhile(heard)) if meanwhile else None
        started_s = time.monotonic()
        with suppress(websockets.ConnectionClosed):
            for i, frame in enumerate(frames(pcm(np.concatenate([speech, quiet(silence_s)])))):
                await asyncio.sleep(max(started_s + (i + 1) * FRAME_S - time.monotonic(), 0))
                await socket.send(frame)
            await socket.send(end)
        await listening
        if beside is not None:
            await beside
    return heard


async def talk_60db(
    url: str,
    sound: Sequence[str | bytes],
    *,
    every_s: float = 0.0,
    wait_for: str = "session_started",
    context: dict[str, Any] | None = None,
    languages: list[str] | None = None,
    first: Sequence[dict[str, Any]] = (),
    **config: Any,
) -> Heard:
    """Open a session of the 60db dialect, send `first`, then frames of sound, and stop."""
    heard, ready = Heard(), asyncio.Event()
    start: dict[str, Any] = {"type": "start", "languages": languages or ["en"], "config": config}
    async with await connect(f"{url}/ws/stt") as socket:
        await socket.send(json.dumps(start | ({"context": context} if context else {})))
        while not ready.is_set():
            message = json.loads(await socket.recv())
            heard.messages.append((0.0, message))
            if message["type"] == wait_for:
                ready.set()
            assert message["type"] != "error", message
        listening = asyncio.create_task(listen(socket, heard))
        for message in first:
            await socket.send(json.dumps(message))
        started_s = time.monotonic()
        with suppress(websockets.ConnectionClosed):
            for i, frame in enumerate(sound):
                await asyncio.sleep(max(started_s + i * every_s - time.monotonic(), 0))
                await socket.send(frame)
            await socket.send('{"type": "stop"}')
        await listening
    return heard


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def likeness(one: str, other: str) -> float:
    """Return how much two texts are alike, word by word: 1 is the same."""
    return difflib.SequenceMatcher(None, words(one), words(other), autojunk=False).ratio()


async def until(done: Callable[[], Awaitable[bool]], *, within_s: float, every_s: float = 0.5) -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + within_s
    while not await done():
        assert time.monotonic() < deadline_s, f"not so within {within_s} s"
        await asyncio.sleep(every_s)


async def knock(url: str) -> tuple[str, ClientConnection | None]:
    """Ask for a session; return what the service said, and the socket if it is open."""
    socket = await connect(url, open_timeout=30)
    with suppress(websockets.ConnectionClosed):  # refused already; why is in the message
        await socket.send('{"type": "start", "language": "en"}')
    while "error" not in (message := json.loads(await socket.recv())):
        if message.get("status") == "ready" or message.get("type") == "session_started":
            return "ready", socket
    await socket.wait_closed()
    return f"{message['error_code']} {socket.close_code}", None


async def room(url: str, n: int) -> int:
    """Return how many of `n` sessions asked for together are let in; all have ended afterwards."""
    told = await asyncio.gather(*(knock(url) for _ in range(n)))
    open_sockets = [socket for _, socket in told if socket is not None]
    for socket in open_sockets:
        await socket.send(b"")
    await asyncio.gather(*(socket.wait_closed() for socket in open_sockets))
    return len(open_sockets)
