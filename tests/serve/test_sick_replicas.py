"""A replica whose engine has broken: its calls are answered by others, and Serve puts another in its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray import serve

from deployments.remote import answer_of
from serve_app.pipeline.fan_out import RetrySettings, with_retries

READY_S = 60.0

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Any]:
    """Two replicas over an engine that can be broken by a call."""

    class Guarded:
        def __init__(self) -> None:
            from deployments.fitness import EngineFitness

            self._broken = False
            self._fitness = EngineFitness(self._infer, hold_s=0.2)

        async def _infer(self) -> None:
            if self._broken:
                raise RuntimeError("the device is lost")

        async def who(self) -> str:
            async with self._fitness.call():
                await self._infer()
                return str(ray.get_runtime_context().get_actor_id())

        async def break_down(self) -> str:
            self._broken = True
            return str(ray.get_runtime_context().get_actor_id())

        async def check_health(self) -> None:
            await self._fitness.check()

    ray.init("local", num_cpus=8, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 1024**2)
    try:
        serve.start(proxy_location="Disabled")
        options = {
            "num_replicas": 2,
            "health_check_period_s": 0.5,
            "health_check_timeout_s": 5,
            "max_ongoing_requests": 100,
            "ray_actor_options": {"num_cpus": 0.1},
        }
        yield serve.run(serve.deployment(Guarded).options(**options).bind(), route_prefix=None)
    finally:
        serve.shutdown()
        ray.shutdown()


async def test_a_sick_replica_costs_no_call_and_is_replaced(guarded: Any) -> None:
    retries = RetrySettings(attempts=6, timeout_s=20)

    async def call() -> str:
        return str(await with_retries(lambda: answer_of(guarded.who.remote()), retries))

    async def replicas() -> set[str]:
        return set(await asyncio.gather(*(call() for _ in range(20))))

    before = await _until(replicas, lambda found: len(found) == 2)
    sick = await guarded.break_down.remote()
    assert sick in before
    after = await _until(replicas, lambda found: len(found) == 2 and sick not in found)

    assert len(after & before) == 1  # the other one was left alone


async def _until(ask: Any, enough: Any) -> set[str]:
    deadline_s = time.monotonic() + READY_S
    while not enough(found := await ask()):
        assert time.monotonic() < deadline_s, found
    return set(found)
