"""The likeliest text is found, over a decoder that is a table of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from deployments.engines.whisper_rules import Logits, TokenRules
from deployments.engines.whisper_search import Limits, sample, search

A, B, C, END, MARK = range(5)
N_TOKENS = 5
RULES = TokenRules(end=END, first_mark=MARK, suppressed=np.array([], dtype=np.int64))
IMPOSSIBLE = -np.inf
WIDE = Limits(longest=20)

Table = dict[tuple[int, ...], dict[int, float]]


class TableDecoder:
    """Writes what a table says may follow a text; remembers its rows as a decoder does."""

    def __init__(self, table: Table, given: Sequence[int] = (MARK,)) -> None:
        self._table = table
        self.texts = [tuple(given)]
        self.n_steps = 0

    def first(self) -> Logits:
        return self._after(self.texts[0])

    def step(self, rows: Sequence[int], tokens: Sequence[int]) -> Logits:
        self.n_steps += 1
        self.texts = [(*self.texts[row], token) for row, token in zip(rows, tokens, strict=True)]
        return np.stack([self._after(text) for text in self.texts])

    def _after(self, text: tuple[int, ...]) -> Logits:
        values = np.full(N_TOKENS, IMPOSSIBLE, dtype=np.float32)
        for token, probability in self._table.get(text[1:], {END: 1.0}).items():
            values[token] = np.log(probability)
        return values


GARDEN_PATH: Table = {  # the likelier first word leads nowhere
    (): {A: 0.6, B: 0.4},
    (A,): {A: 0.3, B: 0.3, C: 0.4},
    (B,): {C: 1.0},
}


def test_several_beams_find_a_text_whose_first_word_is_not_the_likeliest() -> None:
    decoder = TableDecoder(GARDEN_PATH)
    found = search(decoder.step, decoder.first(), [MARK], RULES, WIDE, n_beams=3)

    assert found.tokens == (MARK, B, C)
    assert found.score == pytest.approx(np.log(0.4), abs=1e-4)
    assert found.mean == pytest.approx(np.log(0.4) / 3, abs=1e-4)  # two words and the end


def test_one_beam_takes_the_likeliest_word_each_time() -> None:
    decoder = TableDecoder(GARDEN_PATH)
    found = search(decoder.step, decoder.first(), [MARK], RULES, WIDE, n_beams=1)

    assert found.tokens == (MARK, A, C)
    assert decoder.n_steps == 2


def test_what_was_given_begins_the_answer_and_costs_nothing() -> None:
    decoder = TableDecoder(GARDEN_PATH, given=(MARK, A))
    found = search(decoder.step, decoder.first(), [MARK, A], RULES, WIDE, n_beams=2)

    assert found.tokens == (MARK, A, C)
    assert found.score == pytest.approx(np.log(0.4), abs=1e-4)
    assert found.mean == pytest.approx(np.log(0.4) / 2, abs=1e-4)  # a word and the end


@pytest.mark.parametrize("n_beams", [1, 3])
def test_a_text_that_does_not_end_is_cut(n_beams: int) -> None:
    endless: Table = {(A,) * n: {A: 1.0} for n in range(50)}
    decoder = TableDecoder(endless)
    found = search(decoder.step, decoder.first(), [MARK], RULES, Limits(longest=6), n_beams=n_beams)

    assert found.tokens == (MARK, A, A, A, A, A)


def test_more_beams_than_there_are_texts_end() -> None:
    decoder = TableDecoder({(): {A: 1.0}})
    found = search(decoder.step, decoder.first(), [MARK], RULES, WIDE, n_beams=5)

    assert found.tokens == (MARK, A)


def test_a_text_is_not_given_up_for_a_shorter_one_that_ended() -> None:
    """Each word of the long one costs something; together they cost more than stopping at once."""
    coins: Table = {text: {A: 0.5, B: 0.5} for n in range(1, 10) for text in product((A, B), repeat=n)}
    decoder = TableDecoder(coins | {(): {A: 0.4, B: 0.4, END: 0.2}})
    found = search(decoder.step, decoder.first(), [MARK], RULES, WIDE, n_beams=5)

    assert len(found.tokens) == 1 + 10


def test_a_search_ends_soon_after_the_best_text_has() -> None:
    babbling: Table = {(A,): {END: 0.999, A: 0.001}}
    babbling |= {(A,) * n: {A: 0.9, B: 0.1} for n in range(2, 40)} | {(): {A: 1.0}}
    decoder = TableDecoder(babbling)
    found = search(decoder.step, decoder.first(), [MARK], RULES, Limits(longest=40), n_beams=5)

    assert found.tokens == (MARK, A)
    assert decoder.n_steps <= 3


def test_repeats_can_be_forbidden() -> None:
    looping: Table = {(A, B) * n: {A: 0.9, END: 0.1} for n in range(20)}
    looping |= {(*(A, B) * n, A): {B: 0.9, END: 0.1} for n in range(20)}

    def found(no_repeat: int) -> tuple[int, ...]:
        decoder = TableDecoder(looping)
        limits = Limits(longest=20, no_repeat=no_repeat)
        return search(decoder.step, decoder.first(), [MARK], RULES, limits, n_beams=1).tokens

    assert len(found(0)) == 20
    assert found(3) == (MARK, A, B, A, B)


def test_samples_are_drawn_by_probability_and_the_likeliest_is_taken() -> None:
    table: Table = {(): {A: 0.9, B: 0.1}}

    def found(seed: int, temperature: float = 1.0) -> tuple[int, ...]:
        decoder = TableDecoder(table)
        task = (decoder.step, decoder.first(), [MARK], RULES, WIDE)
        return sample(*task, temperature=temperature, seed=seed).tokens

    assert {found(seed) for seed in range(20)} == {(MARK, A)}
    assert found(1) == found(1)


def test_a_sample_is_cut_where_a_text_would_be() -> None:
    decoder = TableDecoder({(A,) * n: {A: 1.0} for n in range(50)})
    task = (decoder.step, decoder.first(), [MARK], RULES, Limits(longest=4))

    assert sample(*task, temperature=0.4).tokens == (MARK, A, A, A)


def test_samples_that_end_leave_the_others_with_their_own_text() -> None:
    possible = {(MARK, A), (MARK, B), (MARK, B, C), (MARK, B, C, C)}
    table: Table = {(): {A: 0.5, B: 0.5}, (B,): {C: 1.0}, (B, C): {C: 1.0}}
    for seed in range(10):
        decoder = TableDecoder(table)
        sample(decoder.step, decoder.first(), [MARK], RULES, WIDE, temperature=1.0, seed=seed)
        assert set(decoder.texts) <= possible
