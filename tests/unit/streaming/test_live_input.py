from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.audio.live_input import RATES_HZ, LiveInput


def tone(rate_hz: int, *, seconds: float = 0.5, pitch_hz: float = 440.0) -> bytes:
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    return (np.sin(2 * np.pi * pitch_hz * time_s) * 16_000).astype("<i2").tobytes()


def decoded(sound: LiveInput, content: bytes, cuts: list[int]) -> np.ndarray:
    borders = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    parts = [sound.decode(content[a:b]) for a, b in itertools.pairwise(borders)]
    return np.concatenate([*parts, sound.decode(b"", last=True)])


@given(rate_hz=st.sampled_from(RATES_HZ), cuts=st.lists(st.integers(0, 50_000), max_size=12))
@settings(max_examples=40)
def test_the_sound_does_not_depend_on_how_its_bytes_are_cut(rate_hz: int, cuts: list[int]) -> None:
    content = tone(rate_hz)

    whole = decoded(LiveInput(sample_rate_hz=rate_hz), content, [])
    cut = decoded(LiveInput(sample_rate_hz=rate_hz), content, cuts)

    assert np.allclose(whole, cut, atol=1e-5)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_every_rate_becomes_16_khz_with_its_pitch(rate_hz: int) -> None:
    samples = decoded(LiveInput(sample_rate_hz=rate_hz), tone(rate_hz, seconds=1.0), [])

    assert abs(samples.size - 16_000) <= 2
    assert int(np.argmax(np.abs(np.fft.rfft(samples[:16_000])))) == pytest.approx(440, abs=1)


def test_mu_law_spans_the_range_and_is_silent_in_its_middle() -> None:
    samples = LiveInput(encoding="mulaw", sample_rate_hz=16_000).decode(bytes([0x00, 0x80, 0xFF, 0x7F]))

    assert samples[0] == pytest.approx(-0.98, abs=0.01)
    assert samples[1] == pytest.approx(0.98, abs=0.01)
    assert samples[2] == samples[3] == 0.0


def test_other_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="sample_rate_hz"):
        LiveInput(sample_rate_hz=11_025)
