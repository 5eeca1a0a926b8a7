"""Delays and retractions, on messages made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.common.live_client import LiveRun, Message
from benchmarks.realtime.delays import Spoken, delays_of, retractions, text_of, with_borders


def caption(at_s: float, text: str = "", partial: str = "", *, words: Any = (), **more: Any) -> Message:
    content = {"text": text, "partial": partial, "words": list(words), "start": None, "end": None, **more}
    return Message(at_s=at_s, content=content)


def word(text: str, start_s: float, end_s: float) -> dict[str, Any]:
    return {"word": text, "start": start_s, "end": end_s}


def session(*messages: Message) -> LiveRun:
    return LiveRun(audio_s=10, messages=list(messages), close_code=1000)


def whole(text: str) -> Message:
    return Message(at_s=11, content={"text": text, "final": True, "is_final": True})


def heard(kind: str, text: str, committed: str = "") -> Message:
    final = kind == "final"
    content = {"type": "transcription", "text": text, "is_final": final, "speech_final": final}
    return Message(at_s=1, content=content if final else content | {"committed": committed})


# What was said, and when


def test_a_delay_runs_from_the_sound_to_the_message() -> None:
    run = session(
        caption(2.0, partial="one", start=1.1, end=1.4),
        caption(3.0, "one", words=[word("one", 1.1, 1.4)], start=1.1, end=1.4),
        caption(4.5, "two", words=[word("two", 1.5, 2.0)], start=1.5, end=2.0, speech_final=True),
    )

    delays = delays_of(run, [Spoken(start_s=1.0, end_s=2.1)])

    assert delays.first_s == [pytest.approx(1.0)]
    assert delays.commit_s == [pytest.approx(1.6), pytest.approx(2.5)]
    assert delays.final_s == [pytest.approx(2.4)]


def test_words_of_one_utterance_do_not_count_for_another() -> None:
    spoken = [Spoken(start_s=1.0, end_s=2.0), Spoken(start_s=4.0, end_s=5.0)]
    run = session(
        caption(1.8, partial="one", start=1.1, end=1.9),
        caption(2.9, "one", words=[word("one", 1.1, 1.9)], start=1.1, end=1.9, speech_final=True),
        caption(5.5, partial="two", start=4.1, end=4.9),
    )

    delays = delays_of(run, spoken)

    assert delays.first_s == [pytest.approx(0.8), pytest.approx(1.5)]
    assert delays.final_s == [pytest.approx(0.9)]
    assert delays.n_unanswered == 1


def test_speech_without_clear_borders_is_not_timed() -> None:
    first, second, third = with_borders([(1, 2), (2.6, 3), (5, 6)])

    assert (first.clear_before, first.clear_after) == (True, False)
    assert (second.clear_before, second.clear_after) == (False, True)
    assert (third.clear_before, third.clear_after) == (True, True)


# What was taken back


def test_pieces_that_are_the_whole_were_not_taken_back() -> None:
    run = session(caption(1, "Hello"), caption(2, partial="wor"), caption(3, "world."), whole("Hello world."))

    assert retractions(run) == 0
    assert text_of(run) == "Hello world."


def test_a_word_that_is_missing_at_the_end_was_taken_back() -> None:
    assert retractions(session(caption(1, "Hello"), caption(2, "there"), whole("Hello"))) == 1


def test_a_session_without_a_last_text_took_everything_back() -> None:
    assert retractions(session(caption(1, "Hello"))) == 1


def test_committed_words_of_the_60db_dialect_may_not_change() -> None:
    good = session(heard("interim", "a b c", "a b"), heard("interim", "a b d", "a b d"), heard("final", "a b d e"))
    bad = session(heard("interim", "a b c", "a b"), heard("interim", "a x c", "a x"), heard("final", "a b c"))

    assert retractions(good) == 0
    assert retractions(bad) == 2


def test_an_utterance_may_end_behind_a_part_of_its_committed_words() -> None:
    run = session(
        heard("interim", "a b c d", "a b c"),
        heard("final", "a b"),
        heard("interim", "c d e", "c d"),
        heard("final", "c d e"),
    )

    assert retractions(run) == 0
    assert text_of(run) == "a b c d e"
