"""The live noise gate on a real recording with noise mixed in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deployments.engines.noise_gate import NoiseGate
from deployments.engines.pyav import PyAvDecoder
from serve_app.ports.speech import MediaFile
from serve_app.ports.streaming import Enhancement

RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "librispeech_1995-1837-0001.flac"


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return np.concatenate([block.samples for block in PyAvDecoder().decode(MediaFile(path=str(RECORDING)))])


@pytest.mark.parametrize("enhancement", ["light", "adaptive"])
@pytest.mark.parametrize("frame", [160, 1600, 40_000])
def test_what_comes_out_is_as_long_as_what_went_in(speech: np.ndarray, enhancement: Enhancement, frame: int) -> None:
    gate = NoiseGate(enhancement)
    out = [gate.enhance(speech[start : start + frame]) for start in range(0, 64_000, frame)]
    out.append(gate.enhance(np.zeros(0, dtype=np.float32), last=True))

    n_sent = len(range(0, 64_000, frame)) * frame
    assert sum(part.size for part in out) == min(n_sent, speech.size)


@pytest.mark.parametrize("enhancement", ["light", "adaptive"])
def test_noise_gets_quieter_and_speech_stays(speech: np.ndarray, enhancement: Enhancement) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, speech.size).astype(np.float32)
    gate = NoiseGate(enhancement)
    noisy = np.concatenate([noise[:32_000], speech + noise])
    cleaned = np.concatenate([gate.enhance(noisy), gate.enhance(np.zeros(0, dtype=np.float32), last=True)])

    assert np.abs(cleaned[8_000:24_000]).mean() < 0.7 * np.abs(noisy[8_000:24_000]).mean()
    assert np.corrcoef(cleaned[32_000:], speech)[0, 1] > 0.9


def test_silence_stays_silence() -> None:
    gate = NoiseGate("light")
    out = gate.enhance(np.zeros(16_000, dtype=np.float32), last=True)

    assert out.size == 16_000
    assert not out.any()
