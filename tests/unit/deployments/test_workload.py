"""What an engine's work is measured as: seconds of audio that wait, the share of its time, its rate."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from deployments.workload import BUSY_MEMORY_S, WorkMeter
from serve_app.pipeline.load import INTERACTIVE, LONG, PRIORITIES


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def worked(meter: WorkMeter, clock: Clock, *, audio_s: float, took_s: float, **how: object) -> None:
    meter.began()
    clock.now += took_s
    meter.ended(audio_s, **how)


def test_an_idle_engine_has_nothing_to_do(clock: Clock) -> None:
    assert WorkMeter(clock=clock).stats() == {
        "waiting_audio_s": 0,
        "busy_share": 0,
        "realtime_share": 0,
        "rate": 0,
    }


def test_work_waits_until_the_engine_takes_it(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    with meter.queued(20.0, INTERACTIVE) as taken, meter.queued(5.0, LONG):
        assert meter.load().waiting_audio_s == (0, 0, 20, 5, 0)
        taken()
        assert meter.stats()["waiting_audio_s"] == 5

    assert meter.stats()["waiting_audio_s"] == 0


def test_work_that_is_given_up_waits_no_more(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    with pytest.raises(RuntimeError), meter.queued(20.0, INTERACTIVE):
        raise RuntimeError

    assert meter.stats()["waiting_audio_s"] == 0


def test_nothing_is_left_of_work_that_leaves_in_another_order(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    lengths = (0.1, 0.2, 0.3)
    with ExitStack() as stack:
        taken = [stack.enter_context(meter.queued(audio_s, INTERACTIVE)) for audio_s in lengths]
        for each in taken:
            each()
        assert sum(lengths) - 0.1 - 0.2 - 0.3 != 0
        assert meter.stats()["waiting_audio_s"] == 0


def test_more_urgent_work_goes_ahead_of_what_is_less_so(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    with ExitStack() as stack:
        for priority in PRIORITIES:
            stack.enter_context(meter.queued(10.0**priority, priority))
        assert [meter.load().ahead_s(priority) for priority in PRIORITIES] == [1, 11, 111, 1111, 11111]


def test_the_rate_is_audio_done_in_a_second_of_work(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    worked(meter, clock, audio_s=40, took_s=4)
    clock.now += 500  # idle time is no work
    worked(meter, clock, audio_s=20, took_s=2)

    assert meter.load().rate == pytest.approx(10)


def test_the_rate_follows_the_work_of_late(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    worked(meter, clock, audio_s=1000, took_s=100)
    for _ in range(300):
        worked(meter, clock, audio_s=2, took_s=1)

    assert 2 <= meter.load().rate < 3


def test_full_batches_say_what_an_engine_can_do(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    worked(meter, clock, audio_s=160, took_s=1, full=True)
    worked(meter, clock, audio_s=10, took_s=1)

    assert meter.load().rate == pytest.approx(160)


def test_an_engine_that_never_rests_is_busy_and_one_that_stopped_is_so_no_more(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    for _ in range(50):
        worked(meter, clock, audio_s=10, took_s=1, full=True)
    assert meter.stats()["busy_share"] == pytest.approx(1, abs=0.01)
    clock.now += 6 * BUSY_MEMORY_S

    assert meter.stats()["busy_share"] < 0.005


def test_a_batch_that_runs_is_counted_before_it_ends(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    meter.began()
    clock.now += 5 * BUSY_MEMORY_S

    assert meter.stats()["busy_share"] > 0.99


def test_batches_that_are_half_empty_use_half_of_the_engine(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    worked(meter, clock, audio_s=100, took_s=1, full=True)
    for _ in range(60):
        worked(meter, clock, audio_s=50, took_s=1)

    assert meter.stats()["busy_share"] == pytest.approx(0.5, abs=0.02)


def test_the_share_of_sessions_is_told_apart(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    for _ in range(600):
        worked(meter, clock, audio_s=4, took_s=1, realtime_s=1, full=True)

    assert meter.stats()["realtime_share"] == pytest.approx(0.25, abs=0.01)
    assert meter.stats()["busy_share"] == pytest.approx(1, abs=0.01)


def test_other_work_keeps_an_engine_busy_and_leaves_its_rate_alone(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    worked(meter, clock, audio_s=50, took_s=5, full=True)
    with meter.working(0.0):
        clock.now += 100

    assert meter.load().rate == pytest.approx(10)
    assert meter.stats()["busy_share"] == pytest.approx(1, abs=0.01)


def test_work_that_failed_was_no_audio(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    worked(meter, clock, audio_s=50, took_s=5, full=True)

    def fail() -> None:
        with meter.working(1000.0):
            clock.now += 0.1
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()

    assert meter.load().rate == pytest.approx(10)


def test_sessions_count_as_open_until_their_share_of_the_work_has_faded(clock: Clock) -> None:
    meter = WorkMeter(clock=clock)
    assert not meter.serves_sessions()
    for _ in range(10):
        worked(meter, clock, audio_s=5, took_s=1, realtime_s=5)
    assert meter.serves_sessions()
    clock.now += 30
    assert meter.serves_sessions()
    clock.now += 300
    assert not meter.serves_sessions()
