"""Work that one task does and another reads, with a bound on every wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from serve_app.api.hang_up import stopped
from serve_app.errors import ModelUnavailable

Item = TypeVar("Item")

_QUEUED = 16


@asynccontextmanager
async def time_limit(seconds: float, late: str) -> AsyncIterator[None]:
    """Bound a block. Raises ModelUnavailable, with `late` as its message, when the time is up."""
    try:
        async with asyncio.timeout(seconds) as scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ModelUnavailable(late) from error


@dataclass(frozen=True, slots=True)
class _End:
    fault: Exception | None = None


class Pump(Generic[Item]):
    """What an async generator yields. Leaving the context stops it.

    One task drives the generator from first to last: timeouts and task groups inside it belong to that task.
    """

    def __init__(self, source: AsyncGenerator[Item, None], *, deadline_s: float, late: str) -> None:
        self._source = source
        self._deadline_s = deadline_s
        self._late = late
        self._queue: asyncio.Queue[Item | _End] = asyncio.Queue(_QUEUED)
        self._first: list[Item | _End] = []

    async def __aenter__(self) -> Pump[Item]:
        self._task = asyncio.create_task(self._drive())
        return self

    async def __aexit__(self, *_: object) -> None:
        await stopped(self._task)

    async def begin(self, *, timeout_s: float) -> None:
        """Return when there is a first item, or after the time; raises a fault that came before it.

        A status that waits for this can still be that of the fault.
        """
        try:
            async with asyncio.timeout(timeout_s):
                first = await self._queue.get()
        except TimeoutError:
            return
        if isinstance(first, _End) and first.fault is not None:
            raise first.fault
        self._first.append(first)

    async def items(self, *, every_s: float) -> AsyncIterator[Item | None]:
        """Yield all items, and None whenever there was none for so long; raises what stopped them."""
        while True:
            try:
                async with asyncio.timeout(every_s):
                    item = self._first.pop() if self._first else await self._queue.get()
            except TimeoutError:
                yield None
                continue
            if not isinstance(item, _End):
                yield item
            elif item.fault is not None:
                raise item.fault
            else:
                return

    async def _drive(self) -> None:
        try:
            async with time_limit(self._deadline_s, self._late), aclosing(self._source):
                async for item in self._source:
                    await self._queue.put(item)
            end = _End()
        except TimeoutError:  # of something inside that nobody named
            end = _End(ModelUnavailable("A model did not answer in time; try again shortly."))
        except Exception as error:  # raised where the items are read
            end = _End(error)
        await self._queue.put(end)
