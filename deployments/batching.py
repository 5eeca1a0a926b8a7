"""A batcher that drains when free: whenever the engine is idle it takes what waits, up to a cap.

Batches that close on a timer wait while the engine is idle and miss what arrives while it is busy; this one does
neither. Work is in two steps, `prepare` item by item and `run` on the batch, so that an urgent item which arrives
while others are being prepared still joins, and a cancelled one is dropped before the expensive step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from serve_app.errors import ModelQueueFull

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")
Value = TypeVar("Value")

URGENT = 1  # priorities up to here close a batch early


@dataclass(slots=True, kw_only=True, eq=False)
class _Flow:
    """The waiting items of one request: they take turns with those of others."""

    key: str
    priority: int
    turn: int  # the round in which its next item goes


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    flow: _Flow
    order: int
    result: asyncio.Future[Result] = field(repr=False)

    @property
    def urgent(self) -> bool:
        return self.flow.priority <= URGENT


class DrainingBatcher(Generic[Item, Prepared, Result]):
    """Batches calls of one event loop over one engine thread.

    Lower priorities go first; within one priority requests (`key`) take turns, so that one with many items cannot
    starve one with few, nor newcomers an old one. An item that fails fails alone.
    """

    def __init__(
        self,
        *,
        prepare: Callable[[Item], Prepared],
        run: Callable[[Sequence[Prepared]], list[Result]],
        max_batch: int,
        max_waiting: int,
    ) -> None:
        self._prepare = prepare
        self._run = run
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._engine = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._waiting: list[_Waiting[Item, Result]] = []
        self._rounds: dict[int, int] = {}  # the one being played, by priority
        self._arrivals = 0
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: Item, *, key: str = "", priority: int = URGENT) -> Result:
        """Return the item's result. Raises what the engine raised for it, ModelQueueFull when too many wait.

        A caller that is cancelled takes its item out, unless the batch is already running.
        """
        if len(self._waiting) >= self._max_waiting:
            raise ModelQueueFull("The queue in front of the model is full; try again shortly.", retry_after_s=2)
        self._arrivals += 1
        entry = _Waiting[Item, Result](
            item=item,
            flow=self._flow(key, priority),
            order=self._arrivals,
            result=asyncio.get_running_loop().create_future(),
        )
        self._waiting.append(entry)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain())
        try:
            return await entry.result
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
            raise

    async def on_engine(self, call: Callable[[], Value]) -> Value:
        """Run something else on the engine's thread, between batches or between the items of one."""
        return await asyncio.get_running_loop().run_in_executor(self._engine, call)

    @property
    def waiting(self) -> int:
        """How many items wait for the engine."""
        return len(self._waiting)

    def _flow(self, key: str, priority: int) -> _Flow:
        """Return the request's flow; one with nothing waiting joins the next round, with no turns to catch up on."""
        for waiting in self._waiting:
            if waiting.flow.key == key and waiting.flow.priority == priority:
                return waiting.flow
        return _Flow(key=key, priority=priority, turn=self._rounds.get(priority, 0) + 1)

    async def _drain(self) -> None:
        while self._waiting:
            batch = await self._gather_batch()
            batch = [(entry, prepared) for entry, prepared in batch if not entry.result.done()]
            if batch:
                await self._run_batch(batch)

    async def _gather_batch(self) -> list[tuple[_Waiting[Item, Result], Prepared]]:
        batch: list[tuple[_Waiting[Item, Result], Prepared]] = []
        while len(batch) < self._max_batch and (entry := self._next()):
            try:
                batch.append((entry, await self.on_engine(partial(self._prepare, entry.item))))
            except Exception as error:  # reported to the one who sent the item
                _fail(entry, error)
            if any(e.urgent for e, _ in batch) and not any(w.urgent for w in self._waiting):
                break
        return batch

    def _next(self) -> _Waiting[Item, Result] | None:
        self._waiting = [w for w in self._waiting if not w.result.done()]
        if not self._waiting:
            return None
        entry = min(self._waiting, key=lambda w: (w.flow.priority, w.flow.turn, w.order))
        self._waiting.remove(entry)
        self._rounds[entry.flow.priority] = entry.flow.turn
        entry.flow.turn += 1
        return entry

    async def _run_batch(self, batch: Sequence[tuple[_Waiting[Item, Result], Prepared]]) -> None:
        try:
            results = await self.on_engine(partial(self._run, [prepared for _, prepared in batch]))
            if len(results) != len(batch):
                raise RuntimeError(f"the engine gave {len(results)} results for {len(batch)} items")
        except Exception as error:  # find the item at fault: alone, the others succeed
            if len(batch) == 1:
                _fail(batch[0][0], error)
                return
            for single in batch:
                await self._run_batch([single])
            return
        for (entry, _), result in zip(batch, results, strict=True):
            if not entry.result.done():
                entry.result.set_result(result)


def _fail(entry: _Waiting[Any, Any], error: Exception) -> None:
    if not entry.result.done():
        entry.result.set_exception(error)
