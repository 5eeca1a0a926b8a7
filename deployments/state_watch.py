"""What nobody does but somebody must know: whether the database answers, how many jobs wait, how full the disk is."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from serve_app.adapters.database.backlog import Backlog
from serve_app.errors import DatabaseUnavailable
from serve_app.ports import metrics
from serve_app.ports.metrics import Meter
from serve_app.ports.speech import Clock

EVERY_S = 10.0
TIMEOUT_S = 5.0


class StateWatch:
    """Looks at most every `every_s`, however often it is called."""

    def __init__(
        self,
        meter: Meter,
        *,
        backlog: Callable[[], Awaitable[Backlog]],
        spool_dir: Path,
        every_s: float = EVERY_S,
        clock: Clock = time.monotonic,
    ) -> None:
        self._meter = meter
        self._backlog = backlog
        self._spool_dir = spool_dir
        self._every_s = every_s
        self._clock = clock
        self._next_s = 0.0

    async def __call__(self) -> None:
        """Look and tell the meter; a database that does not answer is told, not raised."""
        if self._clock() < self._next_s:
            return
        self._next_s = self._clock() + self._every_s
        self._tell_disk()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                backlog = await self._backlog()
        except (DatabaseUnavailable, TimeoutError):
            self._meter.set(metrics.DATABASE_UP, 0)
            return
        self._meter.set(metrics.DATABASE_UP, 1)
        self._meter.set(metrics.OLDEST_JOB_SECONDS, backlog.oldest_queued_s)
        for status in ("waiting_upload", "queued", "processing"):
            self._meter.set(metrics.JOBS_OPEN, getattr(backlog, status), status=status)

    def _tell_disk(self) -> None:
        nearest = next(path for path in (self._spool_dir, *self._spool_dir.parents) if path.exists())
        usage = shutil.disk_usage(nearest)
        self._meter.set(metrics.SPOOL_FREE, usage.free)
        self._meter.set(metrics.SPOOL_SIZE, usage.total)


def after(first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return a call of both; the second is made though the first fails."""

    async def both() -> None:
        try:
            await first()
        finally:
            await second()

    return both
