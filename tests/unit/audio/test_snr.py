import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.audio.snr import GOOD_DB, FrameMeter, FrameStatistics, estimate_snr_db
from serve_app.audio.speech import FRAME_SAMPLES

RATE_HZ = 16_000


def measured(waveform: np.ndarray, cuts: tuple[int, ...] = ()) -> FrameStatistics:
    meter = FrameMeter()
    for part in np.split(waveform.astype(np.float32), sorted(cuts)):
        meter.add(part)
    return meter.statistics()


def speech(duration_s: float, seed: int = 0) -> np.ndarray:
    """Return noise with the amplitude distribution of speech (gamma, shape 0.4) and unit power."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * RATE_HZ)
    samples = rng.gamma(0.4, 1.0, n) * rng.choice([-1.0, 1.0], n)
    return samples / samples.std()


def sentences(snr_db: float, *, n: int = 5, pause_s: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a recording of 2 s sentences with pauses, in steady noise, and its speech probabilities."""
    parts, frames = [], []
    for index in range(n):
        parts += [speech(2.0, seed + index), np.zeros(round(pause_s * RATE_HZ))]
        frames += [np.ones(round(2.0 * RATE_HZ / FRAME_SAMPLES)), np.zeros(round(pause_s * RATE_HZ / FRAME_SAMPLES))]
    clean = np.concatenate(parts)
    noise = np.random.default_rng(99).normal(0, 10 ** (-snr_db / 20), clean.size)
    return 0.05 * (clean + noise), np.concatenate(frames).astype(np.float32)


@pytest.mark.parametrize("snr_db", [40, 30, 20, 10, 5, 0, -5])
def test_the_estimate_is_near_the_truth(snr_db):
    waveform, probabilities = sentences(snr_db)
    assert estimate_snr_db(measured(waveform), probabilities) == pytest.approx(snr_db, abs=2.5)


@pytest.mark.parametrize("snr_db", [20, 10, 5])
def test_without_pauses_the_amplitudes_tell(snr_db):
    waveform, probabilities = sentences(snr_db, pause_s=0.0)
    assert estimate_snr_db(measured(waveform), probabilities) == pytest.approx(snr_db, abs=2.5)


def test_loudness_makes_no_difference():
    waveform, probabilities = sentences(20)
    quiet = estimate_snr_db(measured(waveform * 0.01), probabilities)
    assert quiet == pytest.approx(estimate_snr_db(measured(waveform), probabilities), abs=0.5)


def test_a_constant_offset_makes_no_difference():
    waveform, probabilities = sentences(25)
    assert estimate_snr_db(measured(waveform + 0.4), probabilities) == pytest.approx(25, abs=2.5)


def test_digital_silence_is_not_taken_for_an_absence_of_noise():
    waveform, probabilities = sentences(10)
    padded = np.concatenate([np.zeros(64 * FRAME_SAMPLES), waveform])
    frames = np.concatenate([np.zeros(64), probabilities]).astype(np.float32)
    assert estimate_snr_db(measured(padded), frames) == pytest.approx(10, abs=2.5)


def test_applause_between_clean_sentences_does_not_make_the_recording_poor():
    waveform, probabilities = sentences(40)
    for index in range(5):
        start = round((index * 3 + 2.2) * RATE_HZ)
        waveform[start : start + RATE_HZ // 2] = np.random.default_rng(index).normal(0, 0.3, RATE_HZ // 2)
    assert (estimate_snr_db(measured(waveform), probabilities) or -99) >= GOOD_DB


def test_music_far_from_the_speech_is_no_noise():
    waveform, probabilities = sentences(30)
    jingle = np.random.default_rng(0).normal(0, 0.5, 640 * FRAME_SAMPLES)
    pause = np.random.default_rng(1).normal(0, 0.05 * 10 ** (-30 / 20), 64 * FRAME_SAMPLES)
    frames = np.concatenate([np.zeros(704), probabilities]).astype(np.float32)
    assert estimate_snr_db(measured(np.concatenate([jingle, pause, waveform])), frames) == pytest.approx(30, abs=1)


def test_where_nobody_speaks_there_is_no_estimate():
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ)
    assert estimate_snr_db(measured(noise), np.zeros(32, dtype=np.float32)) is None
    assert estimate_snr_db(measured(np.zeros(0)), np.zeros(0, dtype=np.float32)) is None


def test_a_probability_too_many_or_too_few_does_no_harm():
    waveform, probabilities = sentences(20)
    expected = estimate_snr_db(measured(waveform), probabilities)
    assert estimate_snr_db(measured(waveform), probabilities[:-1]) == pytest.approx(expected, abs=0.2)
    assert estimate_snr_db(measured(waveform[:-600]), probabilities) == pytest.approx(expected, abs=0.2)


@given(st.lists(st.integers(0, 5000), max_size=8), st.integers(0, 5000))
def test_statistics_do_not_depend_on_how_the_recording_is_cut(cuts, n_samples):
    waveform = np.random.default_rng(1).normal(0.1, 0.2, n_samples).astype(np.float32)
    whole, parts = measured(waveform), measured(waveform, tuple(cuts))
    assert len(whole.power) == -(-n_samples // FRAME_SAMPLES)
    for one, other in ((whole.power, parts.power), (whole.mean_log_magnitude, parts.mean_log_magnitude)):
        assert np.allclose(one, other, atol=1e-6)
    assert np.allclose(whole.mean_magnitude, parts.mean_magnitude, atol=1e-6)
