"""Replicas behind a router, and their number by the service's own policy: Serve, as far as it matters for capacity."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from benchmarks.scale.simulation.clock import SimulatedLoop, account
from deployments.scaling import AudioBacklogPolicy
from serve_app.errors import ModelQueueFull

Engine = TypeVar("Engine")
Result = TypeVar("Result")

REPLICA = "replica"


@dataclass(eq=False, kw_only=True)
class Replica(Generic[Engine]):
    """An engine and how many calls it has."""

    engine: Engine
    ongoing: int = 0
    leaves: bool = False  # takes no more calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many calls a replica has at once, and how many wait for one with room."""

    ongoing: int
    queued: int


@dataclass(kw_only=True)
class Deployment(Generic[Engine]):
    """Calls go to the less busy of two replicas drawn by chance, as Serve's router has it."""

    loop: SimulatedLoop
    make: Callable[[], Engine]
    n_replicas: int
    bounds: Bounds
    hop_s: float
    seed: int = 0
    replicas: list[Replica[Engine]] = field(default_factory=list)
    gone: list[Replica[Engine]] = field(default_factory=list)
    queued: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - for its repeatability
        self._room = asyncio.Condition()
        self.replicas = [Replica(engine=self.make()) for _ in range(self.n_replicas)]

    async def call(self, use: Callable[[Engine], Awaitable[Result]]) -> Result:
        """Return what a replica answers. Raises ModelQueueFull when too many wait for one with room."""
        with account(REPLICA):
            task = asyncio.create_task(self._call(use))
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _call(self, use: Callable[[Engine], Awaitable[Result]]) -> Result:
        replica = await self._chosen()
        try:
            await asyncio.sleep(self.hop_s)
            return await use(replica.engine)
        finally:
            replica.ongoing -= 1
            await self._tell()

    async def _chosen(self) -> Replica[Engine]:
        replica = self._less_busy()
        if replica is None:
            if self.queued >= self.bounds.queued:
                raise ModelQueueFull("The queue in front of the model is full; try again shortly.", retry_after_s=2)
            self.queued += 1
            try:
                async with self._room:
                    while (replica := self._less_busy()) is None:
                        await self._room.wait()
            finally:
                self.queued -= 1
        replica.ongoing += 1
        return replica

    def _less_busy(self) -> Replica[Engine] | None:
        open_ones = [r for r in self.replicas if not r.leaves and r.ongoing < self.bounds.ongoing]
        if len(open_ones) <= 1:
            return open_ones[0] if open_ones else None
        return min(self._chance.sample(open_ones, 2), key=lambda r: r.ongoing)

    async def _tell(self) -> None:
        if self.queued:
            async with self._room:
                self._room.notify(1)

    async def grow(self, n: int, *, start_s: float) -> None:
        """Add replicas, ready after `start_s`."""
        await asyncio.sleep(start_s)
        self.replicas += [Replica(engine=self.make()) for _ in range(n)]
        async with self._room:
            self._room.notify_all()

    def shrink(self, n: int) -> None:
        """Let the least busy leave; what they have they finish."""
        for replica in sorted(self.replicas, key=lambda r: r.ongoing)[:n]:
            replica.leaves = True
            self.replicas.remove(replica)
            self.gone.append(replica)

    @property
    def ever(self) -> list[Replica[Engine]]:
        """All replicas that there have been."""
        return [*self.replicas, *self.gone]


@dataclass(kw_only=True)
class Autoscaler:
    """Asks the service's policy again and again, and follows it when it has wanted the same for a while."""

    deployment: Deployment[Any]
    at_least: int
    at_most: int
    policy: AudioBacklogPolicy = field(default_factory=AudioBacklogPolicy)
    every_s: float = 1.0
    upscale_delay_s: float = 2.0
    downscale_delay_s: float = 60.0
    start_s: float = 5.0  # of a replica: process and model
    history: list[tuple[float, int]] = field(default_factory=list)  # when there were how many
    _wanted_since_s: float | None = None
    _direction: int = 0

    async def run(self) -> None:
        """Decide until cancelled."""
        own, loop = self.deployment, self.deployment.loop
        target = len(own.replicas)
        growing: set[asyncio.Task[None]] = set()
        while True:
            if not self.history or self.history[-1][1] != len(own.replicas):
                self.history.append((loop.time(), len(own.replicas)))
            wanted, _ = self.policy(self._context(target))
            direction = (wanted > target) - (wanted < target)
            if direction != self._direction:
                self._direction, self._wanted_since_s = direction, loop.time()
            delay_s = self.upscale_delay_s if direction > 0 else self.downscale_delay_s
            if direction and self._wanted_since_s is not None and loop.time() - self._wanted_since_s >= delay_s:
                if direction > 0:
                    task = asyncio.create_task(own.grow(wanted - target, start_s=self.start_s))
                    growing.add(task)
                    task.add_done_callback(growing.discard)
                else:
                    own.shrink(min(target - wanted, len(own.replicas)))
                target, self._direction = wanted, 0
            await asyncio.sleep(self.every_s)

    def _context(self, target: int) -> SimpleNamespace:
        """Return the part of Serve's AutoscalingContext that the policy reads."""
        stats = {n: replica.engine.meter.stats() for n, replica in enumerate(self.deployment.replicas)}
        names = {name for values in stats.values() for name in values}
        return SimpleNamespace(
            target_num_replicas=target,
            aggregated_metrics={name: {n: values[name] for n, values in stats.items()} for name in names},
            total_num_requests=self.deployment.queued + sum(r.ongoing for r in self.deployment.replicas),
            total_queued_requests=self.deployment.queued,
            capacity_adjusted_min_replicas=self.at_least,
            capacity_adjusted_max_replicas=self.at_most,
        )
