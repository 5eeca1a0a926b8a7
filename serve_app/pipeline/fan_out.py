"""Calls to model replicas: bounded in time, tried again where a replica died, stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from serve_app.errors import ModelQueueFull, ModelUnavailable

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """How long and how often a call to a model is tried."""

    attempts: int = 4
    timeout_s: float = 180.0  # of one attempt, the wait in its queue included
    first_pause_s: float = 0.2  # doubles with every attempt; a replica that died is back after some 5 s
    longest_pause_s: float = 4.0

    def pauses_s(self) -> Iterator[float]:
        """Yield the pauses between the attempts."""
        pause_s = self.first_pause_s
        for _ in range(self.attempts - 1):
            yield pause_s
            pause_s = min(2 * pause_s, self.longest_pause_s)


async def with_retries(call: Callable[[], Awaitable[Result]], settings: RetrySettings) -> Result:
    """Await `call()`, again after a replica's death, a full queue or a timeout.

    Raises what the last attempt raised; a timeout becomes ModelUnavailable.
    """
    for pause_s in (*settings.pauses_s(), None):
        try:
            async with asyncio.timeout(settings.timeout_s):
                return await call()
        except (ModelUnavailable, ModelQueueFull):
            if pause_s is None:
                raise
        except TimeoutError:
            if pause_s is None:
                raise ModelUnavailable(
                    f"A model gave no answer within {settings.timeout_s:g} s, {settings.attempts} times.",
                    retry_after_s=5,
                ) from None
        await asyncio.sleep(pause_s)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def bounded_map(calls: Iterable[Callable[[], Awaitable[Result]]], *, limit: int) -> list[Result]:
    """Run calls, at most `limit` at once, in order; results keep it. The first failure stops the rest."""
    slots = asyncio.Semaphore(limit)

    async def run(call: Callable[[], Awaitable[Result]]) -> Result:
        async with slots:
            return await call()

    async with cancelling_group() as group:
        tasks = [group.create_task(run(call)) for call in calls]
    return [task.result() for task in tasks]


@asynccontextmanager
async def cancelling_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises the first failure itself instead of an exception group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise _first(failures) from None


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
