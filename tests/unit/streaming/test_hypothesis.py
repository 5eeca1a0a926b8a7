from __future__ import annotations

from collections.abc import Sequence

import pytest

from serve_app.ports.speech import Recognition
from serve_app.streaming.hypothesis import believable_words, settled
from serve_app.streaming.settings import StreamSettings
from serve_app.transcript.model import Segment, Word, join_words

SETTINGS = StreamSettings()
END_S = 10.0


def word(text: str, behind_s: float, confidence: float) -> Word:
    """A word with so much sound behind it."""
    end_s = END_S - behind_s
    return Word(text=text, start_s=end_s - 0.2, end_s=end_s, confidence=confidence)


def n_settled(before: Sequence[Word], now: Sequence[Word]) -> int:
    return settled(before, now, end_s=END_S, settings=SETTINGS)


def test_a_certain_word_is_settled_at_once() -> None:
    assert n_settled([], [word("hello", SETTINGS.certain_s + 0.1, 0.99)]) == 1


def test_a_word_that_has_just_ended_is_not() -> None:
    assert n_settled([], [word("hello", SETTINGS.certain_s - 0.1, 0.99)]) == 0


@pytest.mark.parametrize(
    ("confidence", "needed_s"),
    [(0.85, SETTINGS.sure_s), (0.6, SETTINGS.unsure_s), (0.2, SETTINGS.doubtful_s)],
)
def test_the_less_sure_a_word_the_more_is_heard_behind_it(confidence: float, needed_s: float) -> None:
    late = [word("hello", needed_s + 0.1, confidence)]
    early = [word("hello", needed_s - 0.1, confidence)]
    assert (n_settled(late, late), n_settled(early, early)) == (1, 0)


def test_a_word_that_is_not_certain_needs_two_guesses_that_agree() -> None:
    now = [word("hello", 5.0, 0.85)]
    assert n_settled([], now) == 0
    assert n_settled([word("yellow", 5.0, 0.85)], now) == 0
    assert n_settled([word("Hello,", 5.0, 0.85)], now) == 1


def test_the_less_sure_of_two_guesses_counts() -> None:
    assert n_settled([word("hello", 2.5, 0.2)], [word("hello", 2.5, 0.9)]) == 0


def test_no_word_is_settled_before_the_one_in_front_of_it() -> None:
    now = [word("um", 1.0, 0.3), word("hello", 0.8, 0.99)]
    assert n_settled(now, now) == 0


def recognized(*words: Word) -> Recognition:
    segment = Segment(start_s=0.0, end_s=2.0, text=join_words(words), words=words)
    return Recognition(segments=(segment,), language="en", language_probability=1.0, reached_s=2.0)


def test_a_settled_word_that_is_heard_once_more_is_left_out() -> None:
    last = Word(text="wood", start_s=1.0, end_s=1.3, confidence=0.9)
    again = Word(text="wood", start_s=1.2, end_s=1.4, confidence=0.9)
    cut = Word(text="cut", start_s=1.5, end_s=1.8, confidence=0.9)
    words, _ = believable_words(recognized(again, cut), start_s=0.0, speech_until_s=2.0, before=[last])
    assert [w.text for w in words] == ["cut"]


def test_a_word_that_is_said_twice_stays() -> None:
    last = Word(text="very", start_s=1.0, end_s=1.3, confidence=0.9)
    again = Word(text="very", start_s=1.4, end_s=1.7, confidence=0.9)
    words, _ = believable_words(recognized(again), start_s=0.0, speech_until_s=2.0, before=[last])
    assert [w.text for w in words] == ["very"]
