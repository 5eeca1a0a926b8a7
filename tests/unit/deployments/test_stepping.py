from __future__ import annotations

import queue
import threading

import pytest

from deployments.engines.stepping import Stepper

PATIENCE_S = 10.0


class Counting:
    """Is over after so many steps; says what became of it."""

    def __init__(self, steps: int, *, begins: bool = True) -> None:
        self.left = steps
        self.news: queue.Queue[str] = queue.Queue()
        self._begins = begins

    def begin(self) -> None:
        if not self._begins:
            raise ValueError("no")

    def advance(self) -> bool:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too far")
        if not self.left:
            self.news.put("over")
        return not self.left

    def fail(self, error: Exception) -> None:
        self.news.put(f"failed: {error}")

    def end(self) -> str:
        return self.news.get(timeout=PATIENCE_S)


class Engine:
    def __init__(self) -> None:
        self.steps = 0
        self.fault: Exception | None = None
        self.broken = threading.Event()

    def step(self) -> None:
        self.steps += 1
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def stepper(engine: Engine) -> Stepper:
    return Stepper(engine.step, name="test", broken=engine.broken.set)


def test_jobs_share_the_steps_and_none_is_made_for_nobody(engine: Engine, stepper: Stepper) -> None:
    jobs = [Counting(3), Counting(5)]
    for job in jobs:
        stepper.submit(job)

    assert [job.end() for job in jobs] == ["over", "over"]
    assert 5 <= engine.steps <= 8


def test_a_job_that_cannot_begin_hinders_nobody(stepper: Stepper) -> None:
    bad, good = Counting(1, begins=False), Counting(2)
    stepper.submit(bad)
    stepper.submit(good)

    assert (bad.end(), good.end()) == ("failed: no", "over")


def test_a_job_that_fails_hinders_nobody(stepper: Stepper) -> None:
    bad, good = Counting(0), Counting(3)
    stepper.submit(bad)
    stepper.submit(good)

    assert (bad.end(), good.end()) == ("failed: too far", "over")


def test_an_engine_that_fails_fails_its_jobs_and_says_that_it_is_broken(engine: Engine, stepper: Stepper) -> None:
    engine.fault = RuntimeError("broken")
    jobs = [Counting(10**6), Counting(10**6)]
    for job in jobs:
        stepper.submit(job)

    assert jobs[0].end() == "failed: broken"
    assert engine.broken.wait(PATIENCE_S)
    assert engine.steps == 1
