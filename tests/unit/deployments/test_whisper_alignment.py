"""Words get the times at which the decoder listened to them."""

from __future__ import annotations

import numpy as np
import pytest

from deployments.engines.whisper_alignment import align_words, first_states


def attention_along(
    *spans: tuple[int, int], n_states: int, n_heads: int = 2
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Scores of tokens that each attend to a span of states."""
    scores = np.zeros((n_heads, len(spans), n_states), dtype=np.float32)
    for token, (first, last) in enumerate(spans):
        scores[:, token, first:last] = 8.0
    return scores


def test_words_begin_where_their_first_token_listens_and_end_where_the_next_one_begins() -> None:
    attention = attention_along((0, 25), (25, 50), (50, 100), (100, 120), n_states=120)
    probabilities = np.array([0.5, 0.7, 0.9], dtype=np.float32)

    words = align_words(attention, probabilities, words=[" two", " one"], word_tokens=[[7, 8], [9]])

    assert [(w["word"], w["tokens"]) for w in words] == [(" two", [7, 8]), (" one", [9])]
    assert [(w["start"], w["end"]) for w in words] == [
        (0.0, pytest.approx(1.0)),
        (pytest.approx(1.0), pytest.approx(2.0)),
    ]
    assert [w["probability"] for w in words] == [pytest.approx(0.6), pytest.approx(0.9)]


def test_no_words_have_no_times() -> None:
    assert align_words(attention_along((0, 5), n_states=5), np.array([]), words=[], word_tokens=[]) == []


def test_less_sound_than_the_filter_reaches_is_aligned_too() -> None:
    words = align_words(attention_along((0, 1), (1, 2), n_states=2), np.ones(1), words=["a"], word_tokens=[[1]])

    assert 0.0 <= words[0]["start"] <= words[0]["end"] <= 0.04


def test_the_path_goes_through_the_most_salient_states_in_order() -> None:
    salience = np.full((3, 9), -1.0, dtype=np.float32)
    salience[0, :4] = salience[1, 4:6] = salience[2, 6:] = 1.0

    assert first_states(salience).tolist() == [0, 4, 6]


def test_the_path_is_the_best_of_all_paths() -> None:
    def best(i: int, j: int) -> float:
        """The classic recurrence, as it is defined."""
        if i < 0 or j < 0:
            return 0.0 if i == j == -1 else -np.inf
        return float(salience[i, j]) + max(best(i - 1, j - 1), best(i - 1, j), best(i, j - 1))

    chance = np.random.default_rng(3)
    for _ in range(20):
        salience = chance.normal(size=(3, 5)).astype(np.float32)
        firsts = [*first_states(salience).tolist(), 4]
        # With each token's first state known, a path goes on to the next one's, or stops short of it: the better one.
        reached = _best_between(salience, firsts)
        assert reached == pytest.approx(best(2, 4), abs=1e-4)


def _best_between(salience: np.ndarray[tuple[int, ...], np.dtype[np.float32]], firsts: list[int]) -> float:
    total = 0.0
    for i in range(len(salience)):
        first, following = firsts[i], firsts[i + 1]
        own = salience[i, first : following + 1].sum()
        if i + 1 < len(salience):
            own = max(own, salience[i, first:following].sum()) if following > first else own
        total += float(own)
    return total
