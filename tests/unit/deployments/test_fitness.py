"""A sick engine is found out by an inference of our own, told apart from a bad item, and left alone from then on."""

from __future__ import annotations

import asyncio

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
        self.fitness = EngineFitness(self.probe, bound_s=0.01, fresh_s=60, hold_s=0.0, clock=lambda: self.now)

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


async def test_many_failures_at_once_ask_the_engine_once(engine: Engine) -> None:
    engine.fault = RuntimeError("the device is lost")
    results = await asyncio.gather(*(engine.called(RuntimeError()) for _ in range(5)), return_exceptions=True)

    assert all(isinstance(result, ModelUnavailable) for result in results)
    assert engine.probes == 1
