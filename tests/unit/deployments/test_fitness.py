"""A sick engine is found out by an inference of our own, told apart from a bad item, and left alone from then on."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from deployments.fitness import EngineFitness
from serve_app.errors import CorruptMedia, ModelUnavailable


class Engine:
    """Answers probes, or fails them, or hangs."""

    def __init__(self) -> None:
        self.probes = 0
        self.fault: Exception | None = None
        self.hangs = False
        self.now = 0.0
        self.asked = asyncio.Event()
        self.waits_for_cores = False
        self.fitness = EngineFitness(
            self.probe, bound_s=0.01, fresh_s=60, hold_s=0.0, clock=lambda: self.now, waited=self.waited_s
        )

    def waited_s(self) -> float:
        return self.now if self.waits_for_cores else 0.0

    async def probe(self) -> None:
        self.probes += 1
        self.asked.set()
        self.now += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault

    async def called(self, fault: Exception | None = None) -> None:
        self.now += 1
        async with self.fitness.call():
            if fault:
                raise fault


@pytest.fixture
async def engine() -> Engine:
    return Engine()


async def test_an_engine_that_works_is_not_asked(engine: Engine) -> None:
    for _ in range(3):
        await engine.called()
        await engine.fitness.check()

    assert engine.probes == 0


async def test_an_engine_that_has_been_silent_is_asked(engine: Engine) -> None:
    engine.now += 100
    await engine.fitness.check()
    await engine.fitness.check()

    assert engine.probes == 1


async def test_an_item_that_fails_on_a_working_engine_fails_alone(engine: Engine) -> None:
    with pytest.raises(ValueError, match="odd"):
        await engine.called(ValueError("odd"))
    assert engine.probes == 1

    await engine.called()
    await engine.fitness.check()


async def test_a_fault_that_the_engine_names_is_no_doubt_about_it(engine: Engine) -> None:
    with pytest.raises(CorruptMedia):
        await engine.called(CorruptMedia("damaged"))

    assert engine.probes == 0


async def test_what_fails_on_a_sick_engine_is_sent_elsewhere(engine: Engine) -> None:
    engine.fault = RuntimeError("the device is lost")

    with pytest.raises(ModelUnavailable):
        await engine.called(RuntimeError("the device is lost"))
    with pytest.raises(ModelUnavailable):
        await engine.called()
    assert engine.probes == 1


async def test_a_sick_engine_fails_every_health_check(engine: Engine) -> None:
    engine.fault = RuntimeError("the device is lost")
    engine.now += 100
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await engine.fitness.check()
    engine.fault = None
    with pytest.raises(ModelUnavailable):
        await engine.fitness.check()

    assert engine.probes == 1


async def test_an_engine_that_hangs_fails_its_checks_until_it_answers(engine: Engine) -> None:
    engine.hangs = True
    engine.now += 100
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await engine.fitness.check()
    engine.hangs = False  # it was one long piece of work

    await engine.fitness.check()
    await engine.called()


async def test_an_engine_that_is_only_busy_is_not(engine: Engine) -> None:
    engine.hangs = True
    engine.now += 100
    check = asyncio.create_task(engine.fitness.check())
    await engine.asked.wait()
    await engine.called()  # what was before the probe ends

    await check


async def test_an_engine_that_no_core_is_free_for_is_not_replaced(engine: Engine) -> None:
    engine.now += 100
    engine.hangs = engine.waits_for_cores = True
    await engine.fitness.check()
    assert engine.probes == 1

    engine.waits_for_cores = False
    with pytest.raises(ModelUnavailable):
        await engine.fitness.check()


def test_time_without_a_core_is_counted() -> None:
    """Two processes on one core: each waits for about as long as the other works."""
    one_core = "import os, time; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    spin = f"{one_core}\nwhile time.process_time() < 0.3: pass"
    told = "\nfrom deployments.fitness import waited_for_cores_s; print(waited_for_cores_s())"
    rival = subprocess.Popen([sys.executable, "-c", spin])
    found = subprocess.run([sys.executable, "-c", spin + told], check=True, capture_output=True, text=True)
    rival.wait(timeout=60)

    assert float(found.stdout) > 0.05


async def test_many_failures_at_once_ask_the_engine_once(engine: Engine) -> None:
    engine.fault = RuntimeError("the device is lost")
    results = await asyncio.gather(*(engine.called(RuntimeError()) for _ in range(5)), return_exceptions=True)

    assert all(isinstance(result, ModelUnavailable) for result in results)
    assert engine.probes == 1
