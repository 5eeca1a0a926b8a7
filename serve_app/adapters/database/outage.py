"""Connections to a database that may be away for a moment, as one is that was killed and is started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from math import inf
from typing import TYPE_CHECKING

from serve_app.ports.speech import Clock

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    Connecting = AbstractAsyncContextManager[AsyncConnection]

_PAUSE_S = 0.2
_QUIET_S = 10.0  # several times as long as connecting is tried


class PatientConnect:
    """Waits for the database during the first `patience_s` of an outage; once it is older, callers are told at once.

    An outage is over when a connection succeeds, or when nobody has met it for `_QUIET_S`: what fails after that is the
    beginning of another. Only connecting is tried again: no statement has been sent by then.
    """

    def __init__(self, connect: Callable[[], Connecting], *, patience_s: float, clock: Clock = time.monotonic) -> None:
        self._connect = connect
        self._patience_s = patience_s
        self._clock = clock
        self._away_since_s = self._met_s = -inf

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            yield await self._connected(stack)

    async def _connected(self, stack: AsyncExitStack) -> AsyncConnection:
        from sqlalchemy.exc import OperationalError

        away_since_s = inf
        while True:
            try:
                connection = await stack.enter_async_context(self._connect())
            except (OperationalError, OSError):
                now_s = self._clock()
                away_since_s = min(away_since_s, self._meet(now_s))  # an outage may begin anew, a caller's wait may not
                if now_s - away_since_s >= self._patience_s:
                    raise
            else:
                self._met_s = -inf
                return connection
            await asyncio.sleep(_PAUSE_S)

    def _meet(self, now_s: float) -> float:
        """Note that the database is away; return since when."""
        if now_s - self._met_s > _QUIET_S:
            self._away_since_s = now_s
        self._met_s = now_s
        return self._away_since_s
