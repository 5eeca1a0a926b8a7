"""Every engine behind ports.Recognizer writes down what people say, on real weights."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from recognizing import EN, JFK, Decode, check_times, heard, seconds, text_of, words_in

from deployments.engines.faster_whisper import FasterWhisperRecognizer
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.ports.speech import RecognizeOptions


@pytest.mark.parametrize("name", ["jfk.mp3", "jfk.opus", "jfk.wav"])
def test_a_clear_voice_is_written_down_word_for_word(
    engine: FasterWhisperRecognizer, shipped: Decode, name: str
) -> None:
    waveform = shipped(name)
    (found,) = heard(engine, (waveform, RecognizeOptions()))

    assert " ".join(words_in(text_of(found))) == JFK
    assert found.language == "en"
    assert found.language_probability > 0.9
    check_times(found, len(waveform) / SAMPLE_RATE_HZ)


def test_a_voice_squeezed_into_16_kbit_is_written_down_word_for_word(
    engine: FasterWhisperRecognizer, evaluation: Decode
) -> None:
    (found,) = heard(engine, (evaluation("hard/box_jfk_16k.mp3"), RecognizeOptions()))

    assert " ".join(words_in(text_of(found))) == JFK


def test_words_stand_where_they_are_said(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    """Silence put in front moves every word by its length."""
    shift_s = 5.0
    late = np.concatenate([seconds(shift_s, noise=1e-4), jfk])
    (found,), (later,) = heard(engine, (jfk, EN)), heard(engine, (late, EN))

    words, moved = ([word for segment in r.segments for word in segment.words] for r in (found, later))
    both = list(zip(words, moved, strict=False))  # the silence may make Whisper stop early
    assert len(both) > 12
    assert [b.text for _, b in both] == [a.text for a, _ in both]
    differences = [abs(b.start_s - shift_s - a.start_s) for a, b in both]
    assert np.median(differences) < 0.1
    assert max(differences) < 0.6


def test_words_are_sure_where_the_voice_is_clear(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    (found,) = heard(engine, (jfk, EN))
    confidences = [word.confidence for segment in found.segments for word in segment.words]

    assert np.mean(confidences) > 0.8
    assert len(set(confidences)) > 5


def test_decoding_reaches_the_end_of_what_is_said(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    (found,) = heard(engine, (jfk, EN))

    assert found.reached_s == pytest.approx(10.6, abs=0.6)


@pytest.mark.parametrize("duration_s", [0.1, 0.3, 1.0, 30.0])
def test_windows_of_any_length_are_decoded(engine: FasterWhisperRecognizer, jfk: Waveform, duration_s: float) -> None:
    waveform = np.tile(jfk, 3)[SAMPLE_RATE_HZ // 2 :][: round(duration_s * SAMPLE_RATE_HZ)]
    (found,) = heard(engine, (waveform, RecognizeOptions()))

    check_times(found, duration_s)


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.05])
def test_a_window_without_speech_gives_little_or_admits_its_doubt(
    engine: FasterWhisperRecognizer, noise: float
) -> None:
    (found,) = heard(engine, (seconds(8.0, noise=noise), EN))

    check_times(found, 8.0)
    assert found.no_speech_prob > 0.3 or len(words_in(text_of(found))) <= 3


def test_the_same_window_gives_the_same_words_again(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    found = [heard(engine, (jfk, EN))[0] for _ in range(3)]

    assert all(one == other for one, other in pairwise(found))
