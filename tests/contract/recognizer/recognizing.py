"""Windows of sound for an engine behind ports.Recognizer, and what to ask of its answers."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from deployments.engines.faster_whisper import FasterWhisperRecognizer
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.ports.speech import Recognition, RecognizeOptions

WEIGHTS = "faster-whisper-base"
JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
EN = RecognizeOptions(language="en")
LEOPARDS = ("fr", "es", "de")  # one recording in each, of the evaluation set
Decode = Callable[[str], Waveform]


def heard(engine: FasterWhisperRecognizer, *windows: tuple[Waveform, RecognizeOptions]) -> list[Recognition]:
    """Decode windows as one batch."""
    return engine.decode([engine.encode(waveform, options) for waveform, options in windows])


def text_of(recognition: Recognition) -> str:
    return " ".join(segment.text for segment in recognition.segments)


def words_in(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def seconds(duration_s: float, *, noise: float = 0.0) -> Waveform:
    n = round(duration_s * SAMPLE_RATE_HZ)
    return (noise * np.random.default_rng(0).standard_normal(n)).astype(np.float32)


def check_times(recognition: Recognition, duration_s: float) -> None:
    """Whatever was heard: words in order and inside the window, figures that are figures."""
    words = [word for segment in recognition.segments for word in segment.words]
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)
    assert all(0 <= word.start_s <= word.end_s <= duration_s + 1e-6 for word in words)
    assert all(0 <= word.confidence <= 1 for word in words)
    assert all(segment.words for segment in recognition.segments)
    assert all(segment.start_s <= segment.end_s for segment in recognition.segments)
    assert 0 <= recognition.reached_s <= duration_s + 1e-6
    assert 0 <= recognition.no_speech_prob <= 1
    assert recognition.avg_logprob <= 0
    assert 0 <= recognition.language_probability <= 1
    assert all(isinstance(figure, float) for figure in (*starts, recognition.reached_s, recognition.avg_logprob))
