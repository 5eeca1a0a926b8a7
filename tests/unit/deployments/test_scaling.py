"""How many replicas are wanted: by the time that waiting audio takes, within bounds, without swinging."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.scaling import AudioBacklogPolicy, Demand, ScalingTarget, replicas_needed

TARGET = ScalingTarget(wait_s=10, busy_share=0.8, realtime_headroom=1.0, shrink_margin=0.2, call_audio_s=15)

amounts = st.floats(0, 1e6)
demands = st.builds(
    Demand,
    waiting_audio_s=amounts,
    unsent_calls=st.floats(0, 1e4),
    busy=st.floats(0, 100),
    realtime_busy=st.floats(0, 100),
    rate=st.floats(0.01, 1000),
)
counts = st.integers(0, 100)


def needed(demand: Demand, *, have: int = 1, at_least: int = 1, at_most: int = 100) -> int:
    return replicas_needed(demand, TARGET, have=have, at_least=at_least, at_most=at_most)


# The size


def test_an_idle_deployment_shrinks_to_its_least() -> None:
    assert needed(Demand(rate=10), have=7, at_least=2) == 2


def test_a_queue_that_is_gone_within_the_target_needs_no_more() -> None:
    assert needed(Demand(waiting_audio_s=50, rate=10, busy=0.4), have=1) == 1


def test_what_waits_is_to_be_gone_within_the_target_beside_what_arrives() -> None:
    # One replica's worth arrives (1 / 0.8), and 300 s wait where a replica does 100 in the target's time.
    assert needed(Demand(waiting_audio_s=300, rate=10, busy=1.0), have=1) == math.ceil(1.25 + 3)


def test_the_same_audio_needs_fewer_of_faster_replicas() -> None:
    sizes = [needed(Demand(waiting_audio_s=1000, rate=rate, busy=1.0)) for rate in (5, 10, 100)]

    assert sizes == [22, 12, 3]


def test_many_short_calls_and_a_few_long_ones_of_the_same_audio_are_the_same() -> None:
    long = Demand(waiting_audio_s=600, rate=10, busy=1.0)
    short = Demand(waiting_audio_s=sum(2.0 for _ in range(300)), rate=10, busy=1.0)

    assert needed(long) == needed(short)


def test_replicas_that_are_too_busy_are_joined_by_another() -> None:
    assert needed(Demand(busy=1.9, rate=10), have=2) == 3


def test_calls_that_have_not_reached_a_replica_count_too() -> None:
    assert needed(Demand(unsent_calls=20, rate=10, busy=1.0)) == math.ceil(1.25 + 3)


def test_an_unmeasured_rate_starts_no_crowd() -> None:
    assert needed(Demand(waiting_audio_s=1e5, rate=0, busy=1.0)) == 2


# Sessions


def test_sessions_keep_as_much_capacity_idle_as_they_use() -> None:
    without = Demand(busy=2.0, rate=10)
    with_sessions = Demand(busy=2.0, realtime_busy=1.5, rate=10)

    assert needed(without) == 3
    assert needed(with_sessions) == 4


def test_sessions_that_paused_keep_a_replica() -> None:
    assert needed(Demand(realtime_busy=0.05, rate=10), at_least=0) == 1


# Zero


def test_nothing_to_do_is_nothing_where_that_is_allowed() -> None:
    assert needed(Demand(rate=10), at_least=0) == 0


@pytest.mark.parametrize("demand", [Demand(waiting_audio_s=0.1, rate=10), Demand(busy=0.02, rate=10)])
def test_a_little_to_do_keeps_one(demand: Demand) -> None:
    assert needed(demand, at_least=0) == 1


def test_a_call_wakes_the_first_replica() -> None:
    assert needed(Demand(unsent_calls=1), have=0, at_least=0) == 1


# Steadiness


def test_the_same_load_asks_for_the_same_however_many_there_are() -> None:
    demand = Demand(busy=3.0, rate=10)

    assert {needed(demand, have=have) for have in (1, 2, 3, 4)} == {4}


def test_a_replica_goes_only_with_a_margin() -> None:
    assert needed(Demand(busy=0.76, rate=10), have=2) == 2  # 0.95 of one: no margin
    assert needed(Demand(busy=0.60, rate=10), have=2) == 1  # 0.75 of one


@given(demands, counts)
def test_an_answer_that_was_followed_is_kept(demand: Demand, have: int) -> None:
    first = needed(demand, have=have, at_least=0)

    assert needed(demand, have=first, at_least=0) == first


@given(demands, counts, counts, counts)
def test_the_bounds_hold(demand: Demand, have: int, least: int, more: int) -> None:
    at_most = max(least + more, 1)

    assert least <= replicas_needed(demand, TARGET, have=have, at_least=least, at_most=at_most) <= at_most


@given(demands, amounts, counts)
def test_more_to_do_never_asks_for_fewer(demand: Demand, more_s: float, have: int) -> None:
    fuller = Demand(
        waiting_audio_s=demand.waiting_audio_s + more_s,
        unsent_calls=demand.unsent_calls,
        busy=demand.busy,
        realtime_busy=demand.realtime_busy,
        rate=demand.rate,
    )

    assert needed(fuller, have=have) >= needed(demand, have=have)


@given(demands, counts)
def test_what_is_busy_is_never_taken_away(demand: Demand, have: int) -> None:
    assert needed(demand, have=have) >= min(math.floor(demand.busy), 100)


# As Serve's policy


def context(**changes: Any) -> Any:
    """Return what Serve's controller hands over: two replicas that report."""
    reports = {
        "waiting_audio_s": {"a": 200.0, "b": 100.0},
        "busy_share": {"a": 1.0, "b": 1.0},
        "realtime_share": {"a": 0.0, "b": 0.0},
        "rate": {"a": 8.0, "b": 12.0},
    }
    return SimpleNamespace(
        **{
            "target_num_replicas": 2,
            "aggregated_metrics": reports,
            "total_queued_requests": 0.0,
            "total_num_requests": 4.0,
            "capacity_adjusted_min_replicas": 0,
            "capacity_adjusted_max_replicas": 8,
            **changes,
        }
    )


def policy(**target: float) -> AudioBacklogPolicy:
    return AudioBacklogPolicy(**{"wait_s": 10, "busy_share": 0.8, **target})


def test_the_policy_adds_up_what_replicas_report() -> None:
    assert policy()(context()) == (math.ceil(2 / 0.8 + 3), {})


def test_a_shorter_target_asks_for_more() -> None:
    assert policy(wait_s=5)(context())[0] > policy(wait_s=20)(context())[0]


def test_a_replica_that_has_measured_nothing_does_not_halve_the_rate() -> None:
    started = context()
    started.aggregated_metrics["rate"]["c"] = 0.0

    assert policy()(started) == policy()(context())


@pytest.mark.parametrize("have", [1, 5])
def test_without_reports_all_stays_as_it_is(have: int) -> None:
    assert policy()(context(aggregated_metrics={}, target_num_replicas=have))[0] == have


def test_without_replicas_a_call_wakes_one_and_silence_none() -> None:
    asleep: dict[str, Any] = {"aggregated_metrics": None, "target_num_replicas": 0}

    assert policy()(context(**asleep))[0] == 1
    assert policy()(context(**asleep, total_num_requests=0))[0] == 0


def test_the_most_is_not_passed() -> None:
    assert policy(wait_s=0.1)(context())[0] == 8


@pytest.mark.parametrize("wrong", [{"wait_s": 0}, {"busy_share": 1.5}, {"shrink_margin": 1}, {"realtime_headroom": -1}])
def test_a_target_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        AudioBacklogPolicy(**wrong)


def test_a_misspelt_target_is_refused() -> None:
    with pytest.raises(TypeError, match="wait_ms"):
        AudioBacklogPolicy(wait_ms=10)
