"""Messages on their way to a client, without waiting for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Message = Mapping[str, Any]


class Outbox:
    """Sends in order. A message that may be dropped gives way to a newer one while it waits."""

    def __init__(
        self, send: Callable[[Message], Awaitable[None]], *, room: int, patience_s: float, failed: Callable[[], None]
    ) -> None:
        """`failed` is called once when the client has not taken a message for `patience_s`, or is gone."""
        self._send = send
        self._room = room
        self._patience_s = patience_s
        self._failed = failed
        self._waiting: deque[tuple[Message, bool]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._run())
        self.broken = False

    def put(self, message: Message, *, droppable: bool = False) -> None:
        if self.broken:
            return
        if self._waiting and self._waiting[-1][1]:
            self._waiting.pop()
        if len(self._waiting) >= self._room:
            self._break()
            return
        self._waiting.append((message, droppable))
        self._idle.clear()
        self._wake.set()

    async def flushed(self) -> None:
        """Return when everything has been sent, or cannot be."""
        await self._idle.wait()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                message, _ = self._waiting.popleft()
                try:
                    async with asyncio.timeout(self._patience_s):
                        await self._send(message)
                except Exception:  # closed or stuck: either way nobody reads any more
                    self._break()
                    return
            self._idle.set()

    def _break(self) -> None:
        if not self.broken:
            self.broken = True
            self._waiting.clear()
            self._idle.set()
            self._failed()
