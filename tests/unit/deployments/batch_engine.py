"""An engine that does what the test lets it do, and batchers over it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from queue import SimpleQueue

from deployments.batching import DrainingBatcher
from deployments.interludes import Interludes
from deployments.workload import WorkMeter
from serve_app.errors import CorruptMedia


class Engine:
    """Doubles numbers; runs and preparations wait at doors until the test opens them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.prepared: list[int] = []
        self.threads: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._runs = asyncio.Queue[list[int]]()
        self._preparations = asyncio.Queue[int]()
        self.interludes = Interludes()
        self._ends = SimpleQueue[bool]()  # of a batch, or of one of its steps
        self._prepare_door: threading.Semaphore | None = None

    def prepare(self, item: int) -> int:
        self.threads.add(threading.current_thread().name)
        self._loop.call_soon_threadsafe(self._preparations.put_nowait, item)
        if self._prepare_door:
            self._prepare_door.acquire()
        if item < 0:
            raise CorruptMedia(f"{item} cannot be prepared")
        self.prepared.append(item)
        return item

    def run(self, batch: Sequence[int]) -> list[int]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(batch))
        self._loop.call_soon_threadsafe(self._runs.put_nowait, list(batch))
        while not self._ends.get():
            self.interludes.play()
        if 666 in batch:
            raise ValueError("666 cannot be run")
        return [2 * item for item in batch]

    def hold_preparations(self) -> None:
        self._prepare_door = threading.Semaphore(0)

    def let_prepare(self, n: int = 1) -> None:
        assert self._prepare_door
        self._prepare_door.release(n)

    async def preparing(self) -> int:
        """Wait until the next item is being prepared."""
        return await self._preparations.get()

    async def running(self) -> list[int]:
        """Wait until the next batch runs."""
        return await self._runs.get()

    def finish(self, n: int = 1) -> None:
        """Let so many batches end."""
        for _ in range(n):
            self._ends.put(True)

    def take_a_step(self) -> None:
        """Let the batch that runs come to its next step."""
        self._ends.put(False)


def batcher_over(
    engine: Engine,
    *,
    max_batch: int = 4,
    max_waiting: int = 100,
    meter: WorkMeter | None = None,
    interludes: Interludes | None = None,
) -> DrainingBatcher[int, int, int]:
    return DrainingBatcher(
        prepare=engine.prepare,
        run=engine.run,
        max_batch=max_batch,
        max_waiting=max_waiting,
        meter=meter,
        interludes=interludes,
    )


async def submitted(batcher: DrainingBatcher[int, int, int], *items: int, **how: object) -> list[asyncio.Task[int]]:
    """Submit items in this order and return once they wait."""
    tasks = [asyncio.create_task(batcher.submit(item, **how)) for item in items]
    await asyncio.sleep(0)
    return tasks
