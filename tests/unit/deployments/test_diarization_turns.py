import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.engines.diarization.turns import Diarization, find_turns
from deployments.engines.diarization.voices import FRAMES_PER_WINDOW

FRAME_S = 0.016875


def diarize(spoken: list[tuple[str, float, float]], duration_s: float, **options: int) -> Diarization:
    """Cut perfect knowledge of who speaks when into windows 1 s apart, local speakers in another order in each."""
    names = sorted({name for name, _, _ in spoken})
    count = 1 + max(0, int(np.ceil(duration_s - 10)))
    activity = np.zeros((count, FRAMES_PER_WINDOW, 3), dtype=np.uint8)
    labels = np.full((count, 3), -1, dtype=np.int16)
    times_s = np.arange(FRAMES_PER_WINDOW) * FRAME_S + 0.031
    for window in range(count):
        here = [n for n in names if any(n == m and a < window + 10 and b > window for m, a, b in spoken)]
        for local, name in enumerate(here[:: 1 if window % 2 else -1]):
            labels[window, local] = names.index(name)
            for other, start_s, end_s in spoken:
                if name == other:
                    activity[window, :, local] |= (times_s + window >= start_s) & (times_s + window < end_s)
    return find_turns(activity, labels, step_samples=16_000, duration_s=duration_s, at_most=options.get("at_most"))


def test_turns_are_where_people_speak() -> None:
    found = diarize([("a", 1.0, 4.0), ("b", 5.0, 17.0), ("a", 18.0, 19.5)], 20.0)

    assert [turn.speaker for turn in found.exclusive_turns] == [0, 1, 0]
    expected = [1.0, 4.0, 5.0, 17.0, 18.0, 19.5]
    times = [time for turn in found.exclusive_turns for time in (turn.start_s, turn.end_s)]
    assert times == pytest.approx(expected, abs=0.04)
    assert found.turns == found.exclusive_turns


def test_speakers_are_numbered_by_first_appearance() -> None:
    found = diarize([("z", 1.0, 3.0), ("m", 4.0, 6.0), ("a", 7.0, 9.0)], 12.0)

    assert [turn.speaker for turn in found.exclusive_turns] == [0, 1, 2]


def test_people_speaking_at_once_overlap_only_in_turns() -> None:
    found = diarize([("a", 1.0, 8.0), ("b", 5.0, 12.0)], 14.0)

    assert [(turn.speaker, round(turn.start_s), round(turn.end_s)) for turn in found.turns] == [(0, 1, 8), (1, 5, 12)]
    assert_exclusive(found)


def test_a_breath_does_not_end_a_turn_but_a_pause_does() -> None:
    found = diarize([("a", 1.0, 3.0), ("a", 3.2, 5.0), ("a", 5.6, 7.0)], 12.0)

    assert [(round(turn.start_s), round(turn.end_s)) for turn in found.turns] == [(1, 5), (6, 7)]


def test_a_breath_in_which_somebody_else_speaks_does_end_a_turn() -> None:
    found = diarize([("a", 1.0, 3.0), ("b", 3.0, 3.2), ("a", 3.2, 5.0)], 12.0)

    assert [turn.speaker for turn in found.exclusive_turns] == [0, 1, 0]


def test_nobody_speaks() -> None:
    assert diarize([], 30.0) == Diarization(turns=(), exclusive_turns=())


def test_a_turn_ends_with_the_file() -> None:
    assert diarize([("a", 1.0, 11.0)], 10.4).turns[-1].end_s <= 10.4


def test_no_more_speak_at_once_than_there_may_be() -> None:
    found = diarize([("a", 1.0, 8.0), ("b", 5.0, 12.0)], 14.0, at_most=1)

    assert found.turns == found.exclusive_turns


spans = st.tuples(st.sampled_from("abc"), st.floats(0, 28), st.floats(0.1, 12))


@given(st.lists(spans, max_size=6))
@settings(max_examples=40, deadline=None)
def test_whatever_is_said_turns_are_ordered_and_exclusive_ones_do_not_overlap(
    spoken: list[tuple[str, float, float]],
) -> None:
    found = diarize([(name, start_s, start_s + length_s) for name, start_s, length_s in spoken], 30.0)

    assert_exclusive(found)
    for turns in (found.turns, found.exclusive_turns):
        assert list(turns) == sorted(turns, key=lambda turn: turn.start_s)
        assert all(0 <= turn.start_s < turn.end_s <= 30.0 for turn in turns)
    firsts = list(dict.fromkeys(turn.speaker for turn in found.exclusive_turns))
    assert firsts == list(range(len(firsts)))


def assert_exclusive(found: Diarization) -> None:
    turns = found.exclusive_turns
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(turns))
