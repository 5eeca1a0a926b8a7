"""An event loop on which time passes only when nobody has anything to do, and what its tasks cost in real CPU time.

Whatever waits on such a loop, sleeps, timeouts and executors included, waits in simulated seconds: the same program
gives the same times on every machine, in as long as its own code takes.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

REST = "rest"
_ACCOUNT: ContextVar[str] = ContextVar("account", default=REST)


class Deadlocked(RuntimeError):
    """Everybody waits for somebody else: simulated time would stand still for ever."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Jumps to the next thing that is due. Executors take no threads: what they run takes the time it is charged."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._charged_s = 0.0
        self._busy_until_s: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        self.cpu_s: defaultdict[str, float] = defaultdict(float)  # real CPU time of tasks, by account
        super().__init__(_Jumping(self._advance))
        self.set_task_factory(_metered_task)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._now_s

    def charge(self, seconds: float) -> None:
        """Say, within a call that an executor runs, how long it takes."""
        self._charged_s += seconds

    def run_in_executor(
        self, executor: Any, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        """Run a call; its result is there when the time it was charged is over.

        An executor takes one call after another, in the order in which they came; None runs all at once.
        """
        begins_s = max(self._now_s, self._busy_until_s.get(executor, 0.0)) if executor is not None else self._now_s
        future: asyncio.Future[Result] = self.create_future()
        self._charged_s = 0.0
        try:
            outcome, fault = func(*args), None
        except Exception as error:  # the caller's
            outcome, fault = None, error
        ends_s = begins_s + self._charged_s
        if executor is not None:
            self._busy_until_s[executor] = ends_s

        def settle() -> None:
            if future.cancelled():
                return
            if fault is None:
                future.set_result(outcome)  # type: ignore[arg-type]
            else:
                future.set_exception(fault)

        self.call_at(ends_s, settle)
        return future

    def _advance(self, seconds: float) -> None:
        self._now_s += seconds


class _Jumping(selectors.SelectSelector):
    """Never waits: it moves the clock on instead."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlocked("nothing is due, and somebody still waits")
        if timeout > 0:
            self._advance(timeout)
        return []


def simulate(work: Callable[[SimulatedLoop], Coroutine[Any, Any, Result]]) -> Result:
    """Run `work(loop)` from simulated time 0 to its end."""
    loop = SimulatedLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(loop))


@contextmanager
def account(name: str) -> Iterator[None]:
    """Tasks created in the block have their CPU time put down under this name, and so have theirs."""
    token = _ACCOUNT.set(name)
    try:
        yield
    finally:
        _ACCOUNT.reset(token)


class _Metered(Coroutine[Any, Any, Result]):
    """A coroutine whose steps are timed."""

    def __init__(self, coroutine: Coroutine[Any, Any, Result], cpu_s: defaultdict[str, float], name: str) -> None:
        self._coroutine = coroutine
        self._cpu_s = cpu_s
        self._name = name

    def send(self, value: Any) -> Any:
        began_s = time.thread_time()
        try:
            return self._coroutine.send(value)
        finally:
            self._cpu_s[self._name] += time.thread_time() - began_s

    def throw(self, *fault: Any) -> Any:
        began_s = time.thread_time()
        try:
            return self._coroutine.throw(*fault)
        finally:
            self._cpu_s[self._name] += time.thread_time() - began_s

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()


def _metered_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], context: Context | None = None
) -> asyncio.Task[Any]:
    name = context.get(_ACCOUNT, REST) if context is not None else _ACCOUNT.get()
    cpu_s = loop.cpu_s if isinstance(loop, SimulatedLoop) else defaultdict(float)
    return asyncio.Task(_Metered(coroutine, cpu_s, name), loop=loop, context=context)
