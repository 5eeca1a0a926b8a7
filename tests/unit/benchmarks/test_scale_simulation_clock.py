"""Simulated time: nobody waits for it, and it is the same every time."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.scale.simulation.clock import Deadlocked, SimulatedLoop, account, simulate


def test_a_day_of_sleep_takes_no_time() -> None:
    async def work(loop: SimulatedLoop) -> float:
        await asyncio.sleep(86_400)
        return loop.time()

    began_s = time.perf_counter()
    assert simulate(work) == pytest.approx(86_400)
    assert time.perf_counter() - began_s < 5


def test_an_executor_takes_one_call_after_another_and_each_as_long_as_it_is_charged() -> None:
    async def work(loop: SimulatedLoop) -> list[float]:
        engine, ends_s = ThreadPoolExecutor(max_workers=1), []

        async def call(seconds: float) -> None:
            await loop.run_in_executor(engine, loop.charge, seconds)
            ends_s.append(loop.time())

        await asyncio.gather(call(3), call(4), call(5))
        return ends_s

    assert simulate(work) == [3, 7, 12]


def test_what_a_call_raises_is_raised_when_its_time_is_over() -> None:
    async def work(loop: SimulatedLoop) -> float:
        def fail() -> None:
            loop.charge(2)
            raise ValueError("bad window")

        with pytest.raises(ValueError, match="bad window"):
            await loop.run_in_executor(None, fail)
        return loop.time()

    assert simulate(work) == 2


def test_a_timeout_is_one_of_simulated_time() -> None:
    async def work(loop: SimulatedLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(180):
                await asyncio.sleep(1000)
        return loop.time()

    assert simulate(work) == 180


def test_waiting_for_what_never_comes_is_an_error_and_no_wait() -> None:
    async def work(loop: SimulatedLoop) -> None:
        await loop.create_future()

    with pytest.raises(Deadlocked):
        simulate(work)


def test_cpu_time_is_put_down_to_the_account_of_the_task_that_used_it() -> None:
    def burn() -> None:
        until_s = time.thread_time() + 0.05
        while time.thread_time() < until_s:
            pass

    async def inner() -> None:
        burn()

    async def outer() -> None:
        await asyncio.create_task(inner())

    async def work(loop: SimulatedLoop) -> dict[str, float]:
        with account("one"):
            task = asyncio.create_task(outer())
        await task
        with account("other"):
            await asyncio.create_task(asyncio.sleep(1))
        return dict(loop.cpu_s)

    cpu_s = simulate(work)
    assert cpu_s["one"] >= 0.05
    assert cpu_s["other"] < 0.05
