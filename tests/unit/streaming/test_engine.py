from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import Fickle, Spoken, run, spoken

from serve_app.audio.speech import FRAME_SAMPLES
from serve_app.ports.speech import Recognition
from serve_app.streaming.engine import StreamEngine
from serve_app.streaming.events import Event, SpeechStarted, Update, UtteranceEnded
from serve_app.streaming.settings import StreamSettings
from serve_app.transcript.model import Word

ENGLISH = StreamSettings()


def final_words(events: list[tuple[float, Event]]) -> list[Word]:
    return [word for _, event in events if not isinstance(event, SpeechStarted) for word in event.new]


def texts(words: list[Word] | tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]


gaps = st.lists(st.sampled_from([0.05, 0.1, 0.3, 0.45, 0.8, 2.0]), min_size=1, max_size=80)


@given(gaps=gaps, frames_at_once=st.integers(1, 40), latency=st.integers(0, 90))
@settings(max_examples=60)
def test_every_spoken_word_becomes_final_exactly_once(gaps: list[float], frames_at_once: int, latency: int) -> None:
    speech = spoken([0.5, *gaps])

    events = run(StreamEngine(ENGLISH, language="en"), speech, frames_at_once=frames_at_once, latency_frames=latency)

    assert texts(final_words(events)) == texts(speech.words)


@given(gaps=gaps, latency=st.integers(0, 90))
@settings(max_examples=40)
def test_no_word_is_doubled_or_lost_when_every_guess_reads_otherwise(gaps: list[float], latency: int) -> None:
    speech = spoken([0.5, *gaps])
    fickle = Fickle(words=speech.words, duration_s=speech.duration_s)

    events = run(StreamEngine(ENGLISH, language="en"), fickle, latency_frames=latency)

    numbers = [int(text.strip(".").rpartition("w")[2].rpartition("_")[2]) for text in texts(final_words(events))]
    assert numbers == list(range(len(speech.words)))


@given(gaps=gaps, latency=st.integers(0, 90))
@settings(max_examples=40)
def test_what_was_committed_is_never_taken_back(gaps: list[float], latency: int) -> None:
    events = run(StreamEngine(ENGLISH, language="en"), spoken([0.5, *gaps]), latency_frames=latency)

    said: dict[int, list[str]] = {}
    for _, event in events:
        if isinstance(event, SpeechStarted):
            continue
        shown = event.committed if isinstance(event, Update) else event.words
        before = said.setdefault(event.utterance, [])
        assert texts(shown)[: len(before)] == before
        said[event.utterance] = texts(shown)


@given(gaps=gaps)
@settings(max_examples=30)
def test_word_times_never_decrease(gaps: list[float]) -> None:
    words = final_words(run(StreamEngine(ENGLISH, language="en"), spoken([0.5, *gaps])))

    assert all(a.start_s <= b.start_s for a, b in itertools.pairwise(words))


def test_a_final_comes_as_soon_as_the_silence_is_long_enough() -> None:
    speech = spoken([0.5, *[0.1] * 10], tail_s=3.0)

    events = run(StreamEngine(ENGLISH, language="en"), speech, frames_at_once=1, latency_frames=6)

    ended_at_s = next(time_s for time_s, event in events if isinstance(event, UtteranceEnded))
    assert ended_at_s - speech.words[-1].end_s <= ENGLISH.utterance_end_s + 0.1


def test_words_are_committed_while_somebody_goes_on_speaking() -> None:
    speech = spoken([0.5, *[0.1] * 30])

    events = run(StreamEngine(ENGLISH, language="en"), speech, frames_at_once=1)

    delays = [t - w.end_s for t, e in events if isinstance(e, Update) for w in e.new]
    assert len(delays) > 20
    assert float(np.median(delays)) < 1.5


def test_silence_is_never_decoded() -> None:
    engine = StreamEngine(ENGLISH, language="en")

    for _ in range(200):
        assert engine.feed(np.zeros(FRAME_SAMPLES, dtype=np.float32), np.zeros(1, dtype=np.float32)) == []
        assert engine.next_decode() is None
    assert engine.finish() == []
    assert engine.done


def test_a_click_is_not_speech() -> None:
    engine = StreamEngine(ENGLISH, language="en")
    probabilities = np.zeros(50, dtype=np.float32)
    probabilities[20:22] = 0.9

    assert engine.feed(np.zeros(50 * FRAME_SAMPLES, dtype=np.float32), probabilities) == []


def test_the_last_utterance_is_not_lost_when_the_sound_ends_with_speech() -> None:
    speech = spoken([0.5, *[0.1] * 5], tail_s=0.0)

    events = run(StreamEngine(ENGLISH, language="en"), speech)

    assert texts(final_words(events)) == texts(speech.words)
    assert isinstance(events[-1][1], UtteranceEnded)


@pytest.mark.parametrize("minutes", [3])
def test_windows_and_memory_do_not_grow_with_the_stream(minutes: int) -> None:
    speech = spoken([0.1] * int(minutes * 60 / 0.4), sentence=9)
    engine = StreamEngine(ENGLISH, language="en")
    lengths: list[float] = []
    hear = speech.hear

    class Watched(Spoken):
        def hear(self, decode):  # type: ignore[no-untyped-def]
            lengths.append(decode.end_s - decode.start_s)
            return hear(decode)

    run(engine, Watched(words=speech.words, duration_s=speech.duration_s))

    assert max(lengths) < ENGLISH.longest_window_s
    assert engine._sound.held_s < ENGLISH.longest_window_s + 2


def test_an_utterance_without_a_pause_is_closed_after_a_while() -> None:
    speech = spoken([0.1] * 200, sentence=9)

    ended = [e for _, e in run(StreamEngine(ENGLISH, language="en"), speech) if isinstance(e, UtteranceEnded)]

    assert len(ended) >= 2
    assert all(e.words[-1].end_s - e.words[0].start_s < 2 * ENGLISH.longest_utterance_s for e in ended)
    assert [w for e in ended for w in texts(e.words)] == texts(speech.words)


def test_a_speaker_nobody_understands_costs_no_more_than_others() -> None:
    speech = spoken([0.1] * 200)
    engine = StreamEngine(ENGLISH, language="en")
    lengths: list[float] = []

    class Deaf(Spoken):
        def hear(self, decode):  # type: ignore[no-untyped-def]
            lengths.append(decode.end_s - decode.start_s)
            return Recognition(segments=(), language="en", language_probability=1.0, reached_s=0.0)

    run(engine, Deaf(words=speech.words, duration_s=speech.duration_s))

    assert max(lengths) < ENGLISH.longest_window_s + 3
    assert engine.done


def test_a_failed_partial_loses_nothing() -> None:
    speech = spoken([0.5, *[0.1] * 20])
    engine = StreamEngine(ENGLISH, language="en")
    events: list[Event] = []
    n = 0
    for probability in speech.probabilities():
        sound = np.full(FRAME_SAMPLES, 0.1, dtype=np.float32)
        events += engine.feed(sound, np.array([probability], dtype=np.float32))
        if decode := engine.next_decode():
            n += 1
            failed = n % 2 and decode.kind == "partial"
            events += engine.skip() if failed else engine.accept(speech.hear(decode))
    events += engine.finish()
    while decode := engine.next_decode():
        events += engine.accept(speech.hear(decode))

    assert texts([w for e in events if not isinstance(e, SpeechStarted) for w in e.new]) == texts(speech.words)


def test_nothing_is_committed_before_the_language_is_settled() -> None:
    speech = spoken([0.5, *[0.1] * 30])
    unsure = speech.hear

    class Unsure(Spoken):
        def hear(self, decode):  # type: ignore[no-untyped-def]
            return replace(unsure(decode), language_probability=0.4)

    events = run(StreamEngine(ENGLISH), Unsure(words=speech.words, duration_s=speech.duration_s))

    first = next(t for t, e in events if isinstance(e, Update) and e.new)
    assert first >= 0.5 + ENGLISH.language_s
    assert texts(final_words(events)) == texts(speech.words)
