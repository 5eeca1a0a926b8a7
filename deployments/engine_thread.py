"""One thread for an engine that takes one call at a time, with cancellation it can see."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
Cancelled = Callable[[], bool]


class EngineThread:
    """Runs calls one after another off the event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")

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
