"""Who comes when in the open loop."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from benchmarks.load.arrivals import Kind, Sound, arrivals, plan_of

SOUNDS: dict[Kind, list[Sound]] = {
    "rest": [Sound(name="10 s", path=Path("a"), audio_s=10, weight=3), Sound(name="50 s", path=Path("b"), audio_s=50)],
    "job": [Sound(name="100 s", path=Path("c"), audio_s=100)],
    "socket": [Sound(name="20 s", path=Path("d"), audio_s=20)],
}
STEPS = plan_of([0.5, 2], capacity=40, seconds=[2000, 3000], job_share=0.25, sockets=2)


def test_the_same_seed_draws_the_same_arrivals_and_another_one_others() -> None:
    assert arrivals(STEPS, SOUNDS, seed=1) == arrivals(STEPS, SOUNDS, seed=1) != arrivals(STEPS, SOUNDS, seed=2)


def test_arrivals_are_in_order_and_inside_their_step() -> None:
    drawn = arrivals(STEPS, SOUNDS, seed=0)
    assert [a.at_s for a in drawn] == sorted(a.at_s for a in drawn)
    assert all((a.at_s < 2000) == (a.step == 0) and a.at_s < 5000 for a in drawn)


@pytest.mark.parametrize(("step", "kind", "rate"), [(0, "rest", 15), (1, "rest", 60), (1, "job", 20), (1, "socket", 2)])
def test_a_step_is_offered_the_audio_it_asks_for(step: int, kind: Kind, rate: float) -> None:
    drawn = [a for a in arrivals(STEPS, SOUNDS, seed=0) if (a.step, a.kind) == (step, kind)]
    assert sum(a.sound.audio_s for a in drawn) / STEPS[step].seconds == pytest.approx(rate, rel=0.2)


def test_times_between_arrivals_vary_as_those_of_a_poisson_process() -> None:
    at_s = [a.at_s for a in arrivals(STEPS[1:], SOUNDS, seed=0) if a.kind == "rest"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(at_s)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance**0.5 / mean == pytest.approx(1, abs=0.1)


def test_what_one_kind_draws_does_not_depend_on_another() -> None:
    without_jobs = plan_of([0.5], capacity=30, seconds=[2000], job_share=0, sockets=2)
    alone = [a for a in arrivals(without_jobs, SOUNDS, seed=0) if a.kind == "rest"]
    with_jobs = plan_of([0.5], capacity=40, seconds=[2000], job_share=0.25, sockets=2)
    assert alone == [a for a in arrivals(with_jobs, SOUNDS, seed=0) if a.kind == "rest"]
