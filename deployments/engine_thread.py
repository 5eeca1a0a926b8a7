"""Threads for an engine that takes one call at a time, or a few, with cancellation it can see."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
Cancelled = Callable[[], bool]


class EngineThread:
    """Runs calls in order off the event loop, `at_once` of them side by side."""

    def __init__(self, *, at_once: int = 1) -> None:
        self._executor = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="engine")

    async def run(self, call: Callable[[Cancelled], Result]) -> Result:
        """Return `call(cancelled)`; a caller that is cancelled turns `cancelled()` true and drops a waiting call."""
        gone = threading.Event()
        future = self._executor.submit(call, gone.is_set)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            gone.set()
            future.cancel()
            raise
