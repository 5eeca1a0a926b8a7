from __future__ import annotations

from collections.abc import Sequence

import pytest

from serve_app.ports.speech import Recognition
from serve_app.streaming.hypothesis import Standing, behind, believable_words, settled, standing
from serve_app.streaming.settings import Rung, StreamSettings
from serve_app.transcript.model import Segment, Word, join_words

SETTINGS = StreamSettings()
CERTAIN = SETTINGS.ladder[0]
END_S = 10.0


def word(text: str, behind_s: float, confidence: float) -> Word:
    """A word with so much sound behind it."""
    end_s = END_S - behind_s
    return Word(text=text, start_s=end_s - 0.2, end_s=end_s, confidence=confidence)


SPOKEN_NOW = word("there", 0.0, 0.99)


def n_settled(*guesses: Sequence[Word], every_s: float = 0.5) -> int:
    """Return how many words of the last guess are settled; each guess had so much more sound than the one before."""
    guess: list[Standing] = []
    for n, words in enumerate(guesses, start=1):
        guess = standing(guess, words, end_s=END_S - (len(guesses) - n) * every_s)
    return settled(guess, end_s=END_S, settings=SETTINGS)


def test_a_certain_word_is_settled_at_once() -> None:
    assert n_settled([word("hello", CERTAIN.behind_s + 0.1, 0.99), SPOKEN_NOW]) == 1


def test_a_word_that_has_just_ended_is_not() -> None:
    assert n_settled([word("hello", CERTAIN.behind_s - 0.1, 0.99), SPOKEN_NOW]) == 0


def test_the_last_word_of_a_guess_waits_for_silence_or_another_word() -> None:
    assert CERTAIN.behind_s < SETTINGS.last_word_s
    assert n_settled([word("hello.", SETTINGS.last_word_s - 0.1, 0.99)]) == 0
    assert n_settled([word("hello.", SETTINGS.last_word_s + 0.1, 0.99)]) == 1


@pytest.mark.parametrize("rung", SETTINGS.ladder)
def test_the_less_sure_a_word_the_more_is_heard_behind_it(rung: Rung) -> None:
    late = [word("hello", rung.behind_s + 0.1, rung.confidence), SPOKEN_NOW]
    early = [word("hello", rung.behind_s - 0.1, rung.confidence), SPOKEN_NOW]
    assert (n_settled(late, late, every_s=5.0), n_settled(early, early, every_s=5.0)) == (1, 0)


@pytest.mark.parametrize("rung", SETTINGS.ladder[1:])
def test_the_less_sure_a_word_the_longer_guesses_agree_on_it(rung: Rung) -> None:
    now = [word("hello", 5.0, rung.confidence)]
    assert n_settled(now) == 0
    assert n_settled(now, now, every_s=rung.stood_s) == 1
    assert n_settled(now, now, now, every_s=rung.stood_s / 2) == 1
    assert n_settled(now, now, every_s=rung.stood_s - 0.05) == 0
    assert n_settled([word("yellow", 5.0, rung.confidence)], now, every_s=rung.stood_s) == 0
    assert n_settled([word("Hello,", 5.0, rung.confidence)], now, every_s=rung.stood_s) == 1


def test_a_word_stands_anew_when_one_in_front_of_it_was_heard_otherwise() -> None:
    first = [word("um", 2.0, 0.99), word("hello", 1.5, 0.85)]
    second = [word("hum", 2.0, 0.99), word("hello", 1.5, 0.85)]
    assert n_settled(first, first) == 2
    assert n_settled(first, second) == 1


def test_the_least_sure_of_the_guesses_counts() -> None:
    sure = [word("hello", 1.0, 0.9)]
    assert n_settled(sure, sure, sure) == 1
    assert n_settled([word("hello", 1.0, 0.2)], sure, sure) == 0


def test_no_word_is_settled_before_the_one_in_front_of_it() -> None:
    now = [word("um", 1.0, 0.3), word("hello", 0.8, 0.99)]
    assert n_settled(now, now) == 0


def spoken(text: str, *, from_s: float = 0.0) -> list[Word]:
    """Words of half a second each."""
    return [
        Word(text=each, start_s=from_s + n / 2, end_s=from_s + (n + 1) / 2, confidence=0.9)
        for n, each in enumerate(text.split())
    ]


@pytest.mark.parametrize(
    ("committed", "heard", "rest"),
    [
        ("", "so we meet", "so we meet"),
        ("So we", "so we, meet again", "meet again"),
        ("so he meets", "so we meet again there", "again there"),  # by time: the last word reads otherwise
        ("so he said that", "so we both said that again", "again"),  # behind the word itself, though it is late
        ("no no", "no no no no", "no no"),
        ("oh no no", "no no no no", "no"),  # the nearest of several
        ("so we meet", "so we", ""),
        ("so we meet", "", ""),
    ],
)
def test_a_new_guess_goes_on_behind_what_was_committed(committed: str, heard: str, rest: str) -> None:
    assert [each.text for each in behind(spoken(committed), spoken(heard))] == rest.split()


def test_no_word_begins_before_the_committed_one_that_it_follows() -> None:
    committed = [word("so", 1.0, 0.9), word("we", 0.5, 0.9)]
    heard = [committed[0], word("we", 1.2, 0.9), word("meet", 0.9, 0.9)]
    (meet,) = behind(committed, heard)
    assert meet.start_s == committed[-1].start_s


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
