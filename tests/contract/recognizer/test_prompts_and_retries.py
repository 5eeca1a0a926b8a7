"""Prompts, beginnings that are known already, and second attempts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recognizing import EN, JFK, check_times, heard, text_of, words_in

from deployments.engines.faster_whisper import FasterWhisperRecognizer
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.pipeline.review import find_loop
from serve_app.ports.speech import KnownText, Recognition, RecognizeOptions


def test_a_prompt_shows_in_the_style_but_not_in_the_words(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    prompt = "Glossary: Zaphod Beeblebrox, inauguration."
    (found,) = heard(engine, (jfk, RecognizeOptions(language="en", prompt=prompt)))

    assert " ".join(words_in(text_of(found))) == JFK


def test_a_prompt_longer_than_the_decoder_holds_is_cut(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    prompt = "A speech about duty, freedom and the fate of a nation. " * 60
    (found,) = heard(engine, (jfk, RecognizeOptions(language="en", prompt=prompt)))

    check_times(found, len(jfk) / SAMPLE_RATE_HZ)
    assert "country" in words_in(text_of(found))


def known_words(recognition: Recognition, n: int, *, closed: bool) -> tuple[KnownText, ...]:
    """Return the first words of a recognition as settled; `closed`: what follows begins afresh."""
    words = [word for segment in recognition.segments for word in segment.words][:n]
    text = " " + " ".join(word.text for word in words)
    known = KnownText(text=text, start_s=words[0].start_s, end_s=words[-1].end_s if closed else None)
    return (known, KnownText(text="", start_s=words[-1].end_s, end_s=None)) if closed else (known,)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("window_s", [30.0, 0.0])
def test_only_what_follows_the_known_beginning_is_written_down(
    engine: FasterWhisperRecognizer, jfk: Waveform, closed: bool, window_s: float
) -> None:
    (whole_text,) = heard(engine, (jfk, EN))
    prefix = known_words(whole_text, 5, closed=closed)

    (rest,) = heard(engine, (jfk, replace(EN, prefix=prefix, window_s=window_s)))

    assert words_in(text_of(rest)) == words_in(JFK)[5:]
    first = rest.segments[0].words[0]
    assert abs(first.end_s - whole_text.segments[0].words[5].end_s) < 0.1


def test_more_known_text_than_the_decoder_holds_is_cut(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    prefix = (
        KnownText(text=" never " * 300, start_s=0.0, end_s=0.1),
        KnownText(text=" And so my fellow", start_s=0.2, end_s=None),
    )
    (rest,) = heard(engine, (jfk, replace(EN, prefix=prefix)))
    assert words_in(text_of(rest))[:2] == ["americans", "ask"]


def test_a_retry_breaks_a_repetition_loop(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    """A twentieth of a second is too little to understand, and Whisper then talks in circles."""

    def loop(snippet: Waveform, retry: int) -> int | None:
        (found,) = heard(engine, (snippet, RecognizeOptions(language="en", retry=retry)))
        return find_loop(words_in(text_of(found)), repeats=4, words=7)

    snippets = [jfk[round(at_s * SAMPLE_RATE_HZ) :][: SAMPLE_RATE_HZ // 20] for at_s in (0.5, 1.0, 2.0)]
    looping = next(snippet for snippet in snippets if loop(snippet, 0) is not None)

    assert None in (loop(looping, 1), loop(looping, 2))


@pytest.mark.parametrize("retry", [1, 2])
def test_a_retry_of_what_was_no_loop_gives_the_same_words(
    engine: FasterWhisperRecognizer, jfk: Waveform, retry: int
) -> None:
    (found,) = heard(engine, (jfk, RecognizeOptions(language="en", retry=retry)))

    assert " ".join(words_in(text_of(found))) == JFK
