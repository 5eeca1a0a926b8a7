import numpy as np
import pytest

from deployments.engines.diarization.features import N_MELS, centered, frame_count, log_mel


def tone(hz: float, duration_s: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(duration_s * 16_000)) / 16_000).astype(np.float32)


@pytest.mark.parametrize(("n_samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_only_whole_frames_count(n_samples: int, frames: int) -> None:
    assert frame_count(n_samples) == frames
    assert log_mel(np.zeros(n_samples, dtype=np.float32)).shape == (frames, N_MELS)


def test_a_tone_peaks_in_the_band_that_holds_it() -> None:
    edges_mel = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(8000 / 700), N_MELS + 2)
    for hz in (300.0, 1000.0, 4000.0):
        loudest = int(log_mel(tone(hz)).mean(axis=0).argmax())
        assert edges_mel[loudest] < 1127 * np.log1p(hz / 700) < edges_mel[loudest + 2]


def test_ten_seconds_at_a_time_change_nothing() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000 * 23).astype(np.float32)
    whole = log_mel(noise)

    # 12 s in and 3 s long: across the border between two blocks of the whole
    np.testing.assert_allclose(log_mel(noise[192_000:240_000]), whole[1200:1498], atol=1e-4)


def test_centering_takes_loudness_off() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000 * 3).astype(np.float32) * 0.1

    np.testing.assert_allclose(centered(log_mel(noise)), centered(log_mel(noise * 0.01)), atol=1e-3)


def test_centering_sees_no_further_than_five_seconds() -> None:
    features = np.random.default_rng(0).standard_normal((3000, N_MELS)).astype(np.float32)
    changed = features.copy()
    changed[2001:] += 100.0

    np.testing.assert_allclose(centered(features)[:1501], centered(changed)[:1501], atol=1e-4)
    assert not np.allclose(centered(features)[1501], centered(changed)[1501])


def test_digital_silence_does_not_count_as_a_room() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000 * 2).astype(np.float32) * 0.1
    muted = np.concatenate([np.zeros(32_000, dtype=np.float32), noise, np.zeros(32_000, dtype=np.float32)])

    around = centered(log_mel(muted))
    np.testing.assert_allclose(around[205:390], centered(log_mel(noise))[5:190], atol=0.1)
    assert not around[:195].any()
