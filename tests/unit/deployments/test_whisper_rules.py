"""What may follow what in a transcript with timestamps."""

from __future__ import annotations

import numpy as np
import pytest

from deployments.engines.whisper_rules import LATEST_START, Logits, TokenRules

N_TEXT, END, FIRST_MARK, N_TOKENS = 10, 10, 12, 112
NOISE = 3  # a token that no transcript has
RULES = TokenRules(end=END, first_mark=FIRST_MARK, suppressed=np.array([NOISE, END + 1]))


def logits(**likely: float) -> Logits:
    """Logits of 0 but for tokens given as t4=3.0."""
    values = np.zeros(N_TOKENS, dtype=np.float32)
    for name, value in likely.items():
        values[int(name[1:])] = value
    return values


def allowed(written: list[int], given: Logits | None = None, *, no_repeat: int = 0) -> set[int]:
    found = RULES.log_probabilities(logits() if given is None else given, written, no_repeat=no_repeat)
    assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-4)
    return {int(token) for token in np.flatnonzero(np.isfinite(found))}


def mark(number: int) -> int:
    return FIRST_MARK + number


TEXT = set(range(N_TEXT)) - {NOISE}
CERTAIN_TEXT = logits(t1=20.0)  # so likely that no sum of timestamps is likelier


def test_a_transcript_begins_with_a_timestamp_of_its_first_second() -> None:
    assert allowed([]) == {mark(number) for number in range(LATEST_START + 1)}


def test_behind_the_first_timestamp_comes_text() -> None:
    assert allowed([mark(5)]) == TEXT | {END}


def test_behind_text_come_text_the_end_or_a_later_timestamp() -> None:
    found = allowed([mark(5), 1], CERTAIN_TEXT)

    assert found == TEXT | {END} | {mark(number) for number in range(5, 100)}


def test_a_timestamp_behind_text_is_followed_by_another_or_the_end() -> None:
    found = allowed([mark(5), 1, mark(9)], logits(t10=20.0))

    assert found == {END} | {mark(number) for number in range(9, 100)}


def test_two_timestamps_are_followed_by_text() -> None:
    assert allowed([mark(5), 1, mark(9), mark(9)], CERTAIN_TEXT) == TEXT | {END}


def test_a_timestamp_is_written_when_all_of_them_together_are_likelier_than_any_word() -> None:
    unlikely_each = logits(t1=2.0)  # 100 timestamps weigh 100, the word e ** 2

    assert allowed([mark(0), 2], unlikely_each) == {mark(number) for number in range(100)}


def test_what_no_transcript_has_is_never_written() -> None:
    assert NOISE not in allowed([mark(0)], logits(t3=50.0))


def test_the_logits_stay_as_they_were() -> None:
    given = logits(t3=50.0)
    RULES.log_probabilities(given, [mark(0)])

    assert given[NOISE] == 50.0


def test_a_run_of_tokens_comes_twice_only_where_that_is_allowed() -> None:
    written = [mark(0), 1, 2, 4, 5, 1, 2]

    assert 4 in allowed(written, CERTAIN_TEXT)
    assert 4 not in allowed(written, CERTAIN_TEXT, no_repeat=3)
    assert 4 in allowed(written, CERTAIN_TEXT, no_repeat=4)
    assert 4 in allowed([1], CERTAIN_TEXT, no_repeat=3)  # too short to have one
