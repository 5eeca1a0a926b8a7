"""Wait while the database is away, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from serve_app.errors import DatabaseUnavailable
from serve_app.ports.speech import Clock

T = TypeVar("T")
_LONGEST_PAUSE_S = 2.0


class Patience:
    """Tries again what the database's absence stopped, for up to `longest_s`. Only for what may be done twice."""

    def __init__(self, longest_s: float, *, clock: Clock) -> None:
        self._longest_s = longest_s
        self._clock = clock

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        until_s = self._clock() + self._longest_s
        pause_s = 0.05
        while True:
            try:
                return await call()
            except DatabaseUnavailable:
                if self._clock() + pause_s > until_s:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
