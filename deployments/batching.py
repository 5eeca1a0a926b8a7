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
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from deployments.turns import PriorityTurns
from deployments.workload import WorkMeter
from serve_app.errors import ModelQueueFull
from serve_app.pipeline.load import INTERACTIVE, PARTIAL, PRIORITIES, REALTIME, Load

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")
Value = TypeVar("Value")

URGENT = INTERACTIVE  # closes a batch early
LONGEST_PAUSE_S = 60  # nobody is told to stay away longer than this


@dataclass(slots=True, kw_only=True, eq=False)
class _Tenant:
    """The waiting requests of one account: they take turns with those of others."""

    account: str
    priority: int
    turn: int  # the round in which its next item goes
    round: int = 0  # of its requests' turns, the one being played


@dataclass(slots=True, kw_only=True, eq=False)
class _Flow:
    """The waiting items of one request: they take turns with those of the same account's others."""

    tenant: _Tenant
    key: str
    turn: int  # the round of the tenant in which its next item goes


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    flow: _Flow
    order: int
    audio_s: float
    result: asyncio.Future[Result] = field(repr=False)
    taken: Callable[[], None] = field(repr=False)

    @property
    def priority(self) -> int:
        return self.flow.tenant.priority

    @property
    def urgent(self) -> bool:
        return self.priority == URGENT

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Where it stands: of one priority the lowest goes next, of all the highest is turned away first."""
        return (self.priority, self.flow.tenant.turn, self.flow.turn, self.order)


class DrainingBatcher(Generic[Item, Prepared, Result]):
    """Batches calls of one event loop over one engine thread.

    Realtime goes first and other priorities by their shares; within one priority accounts take turns, and within one
    account its requests (`key`): so neither many requests nor many items of one can starve others, nor newcomers an old
    one. When too many wait, a newcomer takes the place of the last one of a lower priority. An item that fails fails
    alone. What sessions ask for has no company in its batch.
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
    ) -> None:
        """`max_batch_beside_sessions`: while sessions use the engine, for their finals wait for one batch."""
        self._prepare = prepare
        self._run = run
        self._max_batch = max_batch
        self._beside_sessions = min(max_batch_beside_sessions or max_batch, max_batch)
        self._max_waiting = max_waiting
        self._meter = meter or WorkMeter()
        self._engine = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._waiting: list[_Waiting[Item, Result]] = []
        self._turns = PriorityTurns()
        self._rounds = [0] * len(PRIORITIES)  # of the accounts' turns, the one being played, by priority
        self._arrivals = 0
        self._worker: asyncio.Task[None] | None = None

    async def submit(
        self, item: Item, *, account: str = "", key: str = "", priority: int = URGENT, audio_s: float = 0.0
    ) -> Result:
        """Return the item's result. Raises what the engine raised for it, ModelQueueFull when too many wait.

        `audio_s`: how much work it is. A caller that is cancelled takes its item out, unless the batch already runs.
        """
        if len(self._waiting) >= self._max_waiting:
            self._make_room(priority)
        self._arrivals += 1
        with self._meter.queued(audio_s, priority) as taken:
            entry = _Waiting[Item, Result](
                item=item,
                flow=self._flow(account, key, priority),
                order=self._arrivals,
                audio_s=audio_s,
                result=asyncio.get_running_loop().create_future(),
                taken=taken,
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

    def load(self) -> Load:
        """Return what waits and how fast it is worked off."""
        return self._meter.load()

    def _make_room(self, priority: int) -> None:
        """Turn away the last of those that wait and are less urgent; without any, raise for the newcomer."""
        last = max(self._waiting, key=lambda w: w.place)
        if last.priority <= priority:
            raise self._full(priority)
        self._waiting.remove(last)
        _fail(last, self._full(last.priority))

    def _full(self, priority: int) -> ModelQueueFull:
        load = self._meter.load()
        wait_s = load.ahead_s(priority) / load.rate if load.rate else 0.0
        return ModelQueueFull(
            "The queue in front of the model is full; try again shortly.",
            retry_after_s=min(max(math.ceil(wait_s / 2), 2), LONGEST_PAUSE_S),  # half of it is gone by then
        )

    def _flow(self, account: str, key: str, priority: int) -> _Flow:
        """Return the request's flow; one with nothing waiting joins the next round, with no turns to catch up on."""
        tenants = (w.flow.tenant for w in self._waiting)
        tenant = next((t for t in tenants if t.account == account and t.priority == priority), None)
        if tenant is None:
            tenant = _Tenant(account=account, priority=priority, turn=self._rounds[priority] + 1)
        flows = (w.flow for w in self._waiting)
        flow = next((f for f in flows if f.tenant is tenant and f.key == key), None)
        return flow or _Flow(tenant=tenant, key=key, turn=tenant.round + 1)

    async def _drain(self) -> None:
        while self._waiting:
            self._meter.began()
            batch: list[tuple[_Waiting[Item, Result], Prepared]] = []
            largest = self._beside_sessions if self._meter.serves_sessions() else self._max_batch
            realtime_s = await self._run_realtime()
            while not self._is_closed(batch, largest) and (entry := self._next()):
                if entry.priority == PARTIAL:
                    realtime_s += await self._run_alone(entry)
                else:
                    await self._prepare_for(batch, entry)
                realtime_s += await self._run_realtime()
            full = len(batch) >= largest
            audio_s = await self._run_batch(batch)
            self._meter.ended(audio_s + realtime_s, realtime_s=realtime_s, full=full)

    async def _run_realtime(self) -> float:
        """Run what sessions wait for, in batches of their own; return its seconds of audio."""
        audio_s = 0.0
        while self._waits(REALTIME):
            batch: list[tuple[_Waiting[Item, Result], Prepared]] = []
            while len(batch) < self._max_batch and self._waits(REALTIME) and (entry := self._next()):
                await self._prepare_for(batch, entry)
            audio_s += await self._run_batch(batch)
        return audio_s

    async def _run_alone(self, entry: _Waiting[Item, Result]) -> float:
        batch: list[tuple[_Waiting[Item, Result], Prepared]] = []
        await self._prepare_for(batch, entry)
        return await self._run_batch(batch)

    def _is_closed(self, batch: Sequence[tuple[_Waiting[Item, Result], Prepared]], largest: int) -> bool:
        if not batch:
            return False
        joining = [URGENT] if any(entry.urgent for entry, _ in batch) else range(URGENT, len(PRIORITIES))
        return len(batch) >= largest or not self._waits(*joining)

    def _waits(self, *priorities: int) -> bool:
        """Tell whether anything of these priorities waits."""
        return any(w.priority in priorities and not w.result.done() for w in self._waiting)

    async def _prepare_for(
        self, batch: list[tuple[_Waiting[Item, Result], Prepared]], entry: _Waiting[Item, Result]
    ) -> None:
        try:
            batch.append((entry, await self.on_engine(partial(self._prepare, entry.item))))
        except Exception as error:  # reported to the one who sent the item
            _fail(entry, error)

    def _next(self) -> _Waiting[Item, Result] | None:
        self._waiting = [w for w in self._waiting if not w.result.done()]
        if not self._waiting:
            return None
        priority = self._turns.give({w.priority for w in self._waiting})
        entry = min((w for w in self._waiting if w.priority == priority), key=lambda w: w.place)
        self._waiting.remove(entry)
        entry.taken()
        flow, tenant = entry.flow, entry.flow.tenant
        self._rounds[tenant.priority], tenant.round = tenant.turn, flow.turn
        tenant.turn += 1
        flow.turn += 1
        return entry

    async def _run_batch(self, prepared: Sequence[tuple[_Waiting[Item, Result], Prepared]]) -> float:
        """Run what of a batch is still waited for, and return its seconds of audio."""
        batch = [(entry, item) for entry, item in prepared if not entry.result.done()]
        if not batch:
            return 0.0
        try:
            results = await self.on_engine(partial(self._run, [item for _, item in batch]))
            if len(results) != len(batch):
                raise RuntimeError(f"the engine gave {len(results)} results for {len(batch)} items")
        except Exception as error:  # find the item at fault: alone, the others succeed
            if len(batch) == 1:
                _fail(batch[0][0], error)
            else:
                for single in batch:
                    await self._run_batch([single])
        else:
            for (entry, _), result in zip(batch, results, strict=True):
                if not entry.result.done():
                    entry.result.set_result(result)
        return sum(entry.audio_s for entry, _ in batch)


def _fail(entry: _Waiting[Any, Any], error: Exception) -> None:
    if not entry.result.done():
        entry.result.set_exception(error)
