"""A batcher that drains when free: whenever the engine is idle it takes what waits, up to a cap.

Batches that close on a timer wait while the engine is idle and miss what arrives while it is busy; this one does
neither. Work is in two steps, `prepare` item by item and `run` on the batch, so that an urgent item which arrives
while others are being prepared still joins, a session's goes before their next step, and a cancelled one is dropped
before the expensive step.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

from deployments.interludes import Interludes
from deployments.waiting import URGENT, Waiting, WaitingLine
from deployments.workload import WorkMeter
from serve_app.errors import ModelQueueFull
from serve_app.pipeline.load import PARTIAL, PRIORITIES, REALTIME, Load

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")
Value = TypeVar("Value")
Batch = Sequence[tuple[Waiting[Item, Result], Prepared]]

LONGEST_PAUSE_S = 60  # nobody is told to stay away longer than this


class DrainingBatcher(Generic[Item, Prepared, Result]):
    """Batches calls of one event loop over one engine thread, in the order of a WaitingLine.

    When too many wait, a newcomer takes the place of the last one of a lower priority. An item that fails fails alone.
    What sessions ask for has no company in its batch.
    """

    def __init__(
        self,
        *,
        prepare: Callable[[Item], Prepared],
        run: Callable[[Sequence[Prepared]], list[Result]],
        max_batch: int,
        max_waiting: int,
        max_batch_beside_sessions: int | None = None,
        meter: WorkMeter | None = None,
        interludes: Interludes | None = None,
    ) -> None:
        """`max_batch_beside_sessions`: while sessions use the engine, for their finals wait for one batch.

        `interludes`: what `run` plays between its steps. Then finals do not wait for the end of it, and it ends early
        when nobody waits for it any more.
        """
        self._prepare = prepare
        self._run = run
        self._max_batch = max_batch
        self._beside_sessions = min(max_batch_beside_sessions or max_batch, max_batch)
        self._max_waiting = max_waiting
        self._meter = meter or WorkMeter()
        self._interludes = interludes
        self._pausable = False  # the engine runs something between whose steps others can go
        self._interjected_s = 0.0  # seconds of audio that went there
        self._engine = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._line = WaitingLine[Item, Result]()
        self._worker: asyncio.Task[None] | None = None

    async def submit(
        self, item: Item, *, account: str = "", key: str = "", priority: int = URGENT, audio_s: float = 0.0
    ) -> Result:
        """Return the item's result. Raises what the engine raised for it, ModelQueueFull when too many wait.

        `audio_s`: how much work it is. A caller that is cancelled takes its item out, unless the batch already runs;
        that ends before its next step if nobody waits for any of it.
        """
        if len(self._line) >= self._max_waiting:
            self._make_room(priority)
        with self._meter.queued(audio_s, priority) as taken:
            entry = self._line.join(item, account=account, key=key, priority=priority, audio_s=audio_s, taken=taken)
            if self._pausable and priority == REALTIME:
                self._interject()
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._drain())
            try:
                return await entry.result
            except asyncio.CancelledError:
                self._line.leave(entry)
                raise

    async def on_engine(self, call: Callable[[], Value]) -> Value:
        """Run something else on the engine's thread, between batches or between the items of one."""
        return await asyncio.get_running_loop().run_in_executor(self._engine, call)

    @property
    def waiting(self) -> int:
        """How many items wait for the engine."""
        return len(self._line)

    def load(self) -> Load:
        """Return what waits and how fast it is worked off."""
        return self._meter.load()

    def _make_room(self, priority: int) -> None:
        """Turn away the last of those that wait and are less urgent; without any, raise for the newcomer."""
        last = self._line.last()
        if last.priority <= priority:
            raise self._full(priority)
        self._line.leave(last)
        last.fail(self._full(last.priority))

    def _full(self, priority: int) -> ModelQueueFull:
        load = self._meter.load()
        wait_s = load.ahead_s(priority) / load.rate if load.rate else 0.0
        return ModelQueueFull(
            "The queue in front of the model is full; try again shortly.",
            retry_after_s=min(max(math.ceil(wait_s / 2), 2), LONGEST_PAUSE_S),  # half of it is gone by then
        )

    async def _drain(self) -> None:
        while self._line:
            self._meter.began()
            batch: list[tuple[Waiting[Item, Result], Prepared]] = []
            largest = self._beside_sessions if self._meter.serves_sessions() else self._max_batch
            realtime_s = await self._run_realtime()
            while not self._is_closed(batch, largest) and (entry := self._line.next()):
                if entry.priority == PARTIAL:
                    realtime_s += await self._run_alone(entry)
                else:
                    await self._prepare_for(batch, entry)
                realtime_s += await self._run_realtime()
            full = len(batch) >= largest
            audio_s = await self._run_batch(batch)
            realtime_s, self._interjected_s = realtime_s + self._interjected_s, 0.0
            self._meter.ended(audio_s + realtime_s, realtime_s=realtime_s, full=full)

    async def _run_realtime(self) -> float:
        """Run what sessions wait for, in batches of their own; return its seconds of audio."""
        audio_s = 0.0
        while self._line.has(REALTIME):
            batch: list[tuple[Waiting[Item, Result], Prepared]] = []
            while len(batch) < self._max_batch and self._line.has(REALTIME) and (entry := self._line.next()):
                await self._prepare_for(batch, entry)
            audio_s += await self._run_batch(batch)
        return audio_s

    async def _run_alone(self, entry: Waiting[Item, Result]) -> float:
        batch: list[tuple[Waiting[Item, Result], Prepared]] = []
        await self._prepare_for(batch, entry)
        return await self._run_batch(batch)

    def _is_closed(self, batch: Batch[Item, Result, Prepared], largest: int) -> bool:
        if not batch:
            return False
        joining = [URGENT] if any(entry.urgent for entry, _ in batch) else range(URGENT, len(PRIORITIES))
        return len(batch) >= largest or not self._line.has(*joining)

    async def _prepare_for(
        self, batch: list[tuple[Waiting[Item, Result], Prepared]], entry: Waiting[Item, Result]
    ) -> None:
        try:
            batch.append((entry, await self.on_engine(partial(self._prepare, entry.item))))
        except Exception as error:  # reported to the one who sent the item
            entry.fail(error)

    async def _run_batch(self, prepared: Batch[Item, Result, Prepared]) -> float:
        """Run what of a batch is still waited for, and return its seconds of audio."""
        batch = [(entry, item) for entry, item in prepared if not entry.result.done()]
        if not batch:
            return 0.0
        try:
            results = await self._results(batch)
            if len(results) != len(batch):
                raise RuntimeError(f"the engine gave {len(results)} results for {len(batch)} items")
        except Exception as error:  # find the item at fault: alone, the others succeed
            if len(batch) > 1:
                return sum([await self._run_batch([single]) for single in batch])
            batch[0][0].fail(error)
            return 0.0
        for (entry, _), result in zip(batch, results, strict=True):
            entry.give(result)
        return sum(entry.audio_s for entry, _ in batch)

    async def _results(self, batch: Batch[Item, Result, Prepared]) -> list[Result]:
        if self._interludes is None:
            return await self.on_engine(partial(self._run, [item for _, item in batch]))
        self._pausable = batch[0][0].priority != REALTIME
        try:
            return await self.on_engine(partial(self._run_while_wanted, batch, self._interludes))
        finally:
            self._pausable = False
            await self.on_engine(self._interludes.play)  # what came behind the last step

    def _run_while_wanted(self, batch: Batch[Item, Result, Prepared], interludes: Interludes) -> list[Result]:
        with interludes.while_wanted(lambda: not all(entry.result.done() for entry, _ in batch)):
            return self._run([item for _, item in batch])

    def _interject(self) -> None:
        """Have the next item done between the steps of what runs."""
        entry = self._line.next()
        if entry is None or self._interludes is None:
            return
        interludes, loop = self._interludes, asyncio.get_running_loop()

        def play() -> None:
            if entry.result.done():
                return
            try:
                (result,) = self._run_while_wanted([(entry, self._prepare(entry.item))], interludes)
            except Exception as error:  # reported to the one who sent the item
                loop.call_soon_threadsafe(entry.fail, error)
            else:
                loop.call_soon_threadsafe(interjected, result)

        def interjected(result: Result) -> None:
            self._interjected_s += entry.audio_s
            entry.give(result)

        interludes.offer(play)
