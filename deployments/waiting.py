"""What waits for one engine, and whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from deployments.turns import PriorityTurns
from serve_app.pipeline.load import INTERACTIVE, PRIORITIES

Item = TypeVar("Item")
Result = TypeVar("Result")

URGENT = INTERACTIVE  # closes a batch early


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
class Waiting(Generic[Item, Result]):
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

    def give(self, result: Result) -> None:
        """Hand the result to whoever still waits for it."""
        if not self.result.done():
            self.result.set_result(result)

    def fail(self, error: Exception) -> None:
        """Tell whoever still waits for it what went wrong."""
        if not self.result.done():
            self.result.set_exception(error)


class WaitingLine(Generic[Item, Result]):
    """Items of one event loop that wait for an engine.

    Realtime goes first and other priorities by their shares; within one priority accounts take turns, and within one
    account its requests: so neither many requests nor many items of one can starve others, nor newcomers an old one.
    """

    def __init__(self) -> None:
        self._waiting: list[Waiting[Item, Result]] = []
        self._turns = PriorityTurns()
        self._rounds = [0] * len(PRIORITIES)  # of the accounts' turns, the one being played, by priority
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def join(
        self, item: Item, *, account: str, key: str, priority: int, audio_s: float, taken: Callable[[], None]
    ) -> Waiting[Item, Result]:
        """Let an item wait; `key` is its request, and `taken` is called when it goes."""
        self._arrivals += 1
        entry = Waiting[Item, Result](
            item=item,
            flow=self._flow(account, key, priority),
            order=self._arrivals,
            audio_s=audio_s,
            result=asyncio.get_running_loop().create_future(),
            taken=taken,
        )
        self._waiting.append(entry)
        return entry

    def leave(self, entry: Waiting[Item, Result]) -> None:
        """Take an item out, if it still waits."""
        if entry in self._waiting:
            self._waiting.remove(entry)

    def last(self) -> Waiting[Item, Result]:
        """Return the one that is turned away first. Raises ValueError when none waits."""
        return max(self._waiting, key=lambda w: w.place)

    def has(self, *priorities: int) -> bool:
        """Tell whether anything of these priorities waits."""
        return any(w.priority in priorities and not w.result.done() for w in self._waiting)

    def next(self) -> Waiting[Item, Result] | None:
        """Take the item out whose turn it is; None: nobody waits any more."""
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

    def _flow(self, account: str, key: str, priority: int) -> _Flow:
        """Return the request's flow; one with nothing waiting joins the next round, with no turns to catch up on."""
        tenants = (w.flow.tenant for w in self._waiting)
        tenant = next((t for t in tenants if t.account == account and t.priority == priority), None)
        if tenant is None:
            tenant = _Tenant(account=account, priority=priority, turn=self._rounds[priority] + 1)
        flows = (w.flow for w in self._waiting)
        flow = next((f for f in flows if f.tenant is tenant and f.key == key), None)
        return flow or _Flow(tenant=tenant, key=key, turn=tenant.round + 1)
