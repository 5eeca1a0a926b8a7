from __future__ import annotations

import queue
import threading

import pytest

from deployments.engines.stepping import Stepper

PATIENCE_S = 10.0
AHEAD = 10


class Counting:
    """Is over after so many steps, in the first of which its prompt is read; says what became of it."""

    def __init__(
        self, steps: int, *, begins: bool = True, owner: str = "", prompt: int = 1, order: list[Counting] | None = None
    ) -> None:
        self.left = steps
        self.news: queue.Queue[str] = queue.Queue()
        self.may_begin = threading.Event()
        self.may_begin.set()
        self.unwanted = False
        self.owner = owner
        self.unread = prompt
        self._begins = begins
        self._begun = False
        self._order = [] if order is None else order

    def begin(self) -> None:
        assert self.may_begin.wait(PATIENCE_S)
        if not self._begins:
            raise ValueError("no")
        self._begun = True
        self._order.append(self)

    def advance(self) -> bool:
        if not self._begun:
            if self.unwanted:
                self.news.put("unwanted")
            return self.unwanted
        self.unread = 0
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
    return Stepper(engine.step, ahead=AHEAD, name="test", broken=engine.broken.set)


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


def submitted_together(stepper: Stepper, first: Counting, *others: Counting) -> None:
    first.may_begin.clear()
    for job in (first, *others):
        stepper.submit(job)
    first.may_begin.set()


def test_a_job_overtakes_the_prompts_of_another_owner(stepper: Stepper) -> None:
    order: list[Counting] = []
    bulk = [Counting(4, owner="bulk", prompt=AHEAD, order=order) for _ in range(4)]
    question = Counting(1, owner="question", prompt=AHEAD, order=order)
    submitted_together(stepper, *bulk, question)

    assert question.end() == "over"
    assert {job.end() for job in bulk} == {"over"}
    assert order == [bulk[0], question, *bulk[1:]]


def test_short_prompts_begin_together(engine: Engine, stepper: Stepper) -> None:
    jobs = [Counting(3, prompt=1) for _ in range(AHEAD)]
    submitted_together(stepper, *jobs)

    assert {job.end() for job in jobs} == {"over"}
    assert engine.steps <= 4  # the first may have been alone


def test_who_waits_for_another_prompt_can_leave(stepper: Stepper) -> None:
    order: list[Counting] = []
    first, leaving = Counting(1, prompt=AHEAD, order=order), Counting(1, order=order)
    leaving.unwanted = True
    first.advance = lambda: False  # type: ignore[method-assign]  # its prompt is never read
    submitted_together(stepper, first, leaving)

    assert leaving.end() == "unwanted"
    assert order == [first]
