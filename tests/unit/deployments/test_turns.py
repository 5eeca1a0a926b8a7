from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from deployments.turns import PriorityTurns
from serve_app.pipeline.load import BACKGROUND, INTERACTIVE, LONG, PRIORITIES, REALTIME, SHARES


def given_turns(turns: PriorityTurns, waiting: set[int], n: int) -> list[int]:
    return [turns.give(waiting) for _ in range(n)]


def test_while_all_wait_each_priority_has_its_share_of_the_turns() -> None:
    rounds = 20
    counts = Counter(given_turns(PriorityTurns(), set(SHARES), rounds * sum(SHARES.values())))
    for priority, share in SHARES.items():
        assert abs(counts[priority] - rounds * share) <= 1


def test_of_those_that_begin_to_wait_together_the_more_urgent_goes_first() -> None:
    turns = PriorityTurns()
    turns.give({INTERACTIVE})
    assert turns.give({BACKGROUND, LONG, INTERACTIVE}) == INTERACTIVE
    assert turns.give({BACKGROUND, LONG}) == LONG


def test_a_short_recording_goes_before_the_rest_of_a_long_one() -> None:
    turns = PriorityTurns()
    given_turns(turns, {LONG, BACKGROUND}, 50)
    assert turns.give({LONG, BACKGROUND, INTERACTIVE}) == INTERACTIVE


def test_a_stream_of_short_recordings_leaves_a_long_one_its_share() -> None:
    turns = PriorityTurns()
    given_turns(turns, {INTERACTIVE}, 50)
    assert given_turns(turns, {INTERACTIVE, LONG}, 6).count(LONG) == 2


def test_what_was_idle_has_no_turns_to_catch_up_on() -> None:
    turns = PriorityTurns()
    given_turns(turns, {LONG}, 50)
    given_turns(turns, {BACKGROUND}, 50)
    assert given_turns(turns, {LONG, INTERACTIVE}, 6).count(LONG) == 2


@given(st.lists(st.sets(st.sampled_from(PRIORITIES), min_size=1)))
def test_realtime_goes_before_everything_and_only_what_waits_has_a_turn(rounds: list[set[int]]) -> None:
    turns = PriorityTurns()
    for waiting in rounds:
        chosen = turns.give(waiting)
        assert chosen in waiting
        assert chosen == REALTIME or REALTIME not in waiting
