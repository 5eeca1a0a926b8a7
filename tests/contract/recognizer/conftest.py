"""The engine on real weights, once for each file of tests, and voices for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from recognizing import LEOPARDS, WEIGHTS, Decode

from deployments.engines.faster_whisper import FasterWhisperRecognizer
from serve_app.audio.recording import Waveform


@pytest.fixture(scope="module", params=["ctranslate2", "onnxruntime"])
def engine(request: pytest.FixtureRequest, weights: Callable[[str], Path]) -> FasterWhisperRecognizer:
    return FasterWhisperRecognizer(weights(WEIGHTS), threads=2, decoder=request.param)


@pytest.fixture(scope="module")
def jfk(shipped: Decode) -> Waveform:
    return shipped("jfk.mp3")


@pytest.fixture(scope="module")
def foreign(evaluation: Decode) -> dict[str, Waveform]:
    return {language: evaluation(f"utt_lang/pv_{language}_leopard.flac") for language in LEOPARDS}
