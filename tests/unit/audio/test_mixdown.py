import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.audio.mixdown import Mixdown, channel_weights

SECOND = 16_000


def voice(seed: int, n_samples: int = SECOND) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32)


def power(samples: np.ndarray) -> float:
    return float(np.mean(samples**2))


def stereo(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.stack([left, right])


def test_one_channel_stays_as_it_is():
    samples = voice(0)
    assert np.array_equal(Mixdown(channel_weights(["FC"])).mix(samples[None]), samples)


def test_two_channels_are_averaged():
    mixed = Mixdown(channel_weights(["FL", "FR"])).mix(stereo(voice(0), voice(1)))
    assert np.allclose(mixed, (voice(0) + voice(1)) / 2, atol=1e-6)


def test_weights_sum_to_one_and_leave_out_the_bass_effects():
    weights = channel_weights(["FL", "FR", "FC", "LFE", "BL", "BR"])
    assert weights.sum() == pytest.approx(1.0)
    assert weights[3] == 0.0
    assert weights[2] == 2 * weights[4]


@pytest.mark.parametrize("names", [["LFE"], ["LFE", "LFE2"], ["USR0", "USR1", "USR2"], ["NONE"] * 5])
def test_channels_of_unknown_or_only_odd_kinds_count_alike(names):
    assert np.allclose(channel_weights(names), 1 / len(names))


@pytest.mark.parametrize("gain", [1.0, 0.9, 0.7])
def test_a_channel_turned_upside_down_does_not_cancel_the_other(gain):
    mixdown = Mixdown(channel_weights(["FL", "FR"]))
    heard = np.concatenate([mixdown.mix(stereo(voice(i), -gain * voice(i))) for i in range(3)])
    assert power(heard[SECOND:]) == pytest.approx(power(np.concatenate([voice(1), voice(2)])), rel=0.05)


def test_a_voice_that_cancels_is_heard_beside_one_that_does_not():
    """Turns of two speakers, the first recorded upside down on the right."""
    mixdown = Mixdown(channel_weights(["FL", "FR"]))
    turns = [stereo(voice(0), -voice(0)), stereo(voice(1), voice(1)), stereo(voice(2), -voice(2))]
    for turn in turns:
        assert power(mixdown.mix(turn)) > 0.9 * power(turn[0])


def test_unrelated_channels_both_stay():
    mixdown = Mixdown(channel_weights(["FL", "FR"]))
    left, right = voice(0), voice(1)
    mixed = mixdown.mix(stereo(left, right))
    assert np.corrcoef(mixed, left)[0, 1] > 0.6
    assert np.corrcoef(mixed, right)[0, 1] > 0.6


def test_silence_stays_silence():
    mixdown = Mixdown(channel_weights(["FL", "FR"]))
    assert not mixdown.mix(np.zeros((2, SECOND), dtype=np.float32)).any()


def test_the_change_from_one_source_to_the_other_does_not_click():
    t = np.arange(SECOND) / SECOND
    sine = (0.5 * np.sin(2 * np.pi * 100 * t)).astype(np.float32)
    mixdown = Mixdown(channel_weights(["FL", "FR"]))
    heard = np.concatenate([mixdown.mix(stereo(sine, 0.5 * sine)), mixdown.mix(stereo(sine, -sine))])
    assert np.abs(np.diff(heard)).max() < 2.5 * np.abs(np.diff(sine)).max()


def test_the_input_is_left_alone():
    channels = stereo(voice(0), -voice(0))
    before = channels.copy()
    Mixdown(channel_weights(["FL", "FR"])).mix(channels)
    assert np.array_equal(channels, before)


@given(
    n_channels=st.integers(1, 8), lengths=st.lists(st.integers(0, 400), min_size=1, max_size=5), seed=st.integers(0, 9)
)
def test_a_mix_is_as_long_as_its_channels_and_no_louder_than_the_loudest(n_channels, lengths, seed):
    rng = np.random.default_rng(seed)
    mixdown = Mixdown(channel_weights(["X"] * n_channels))
    for length in lengths:
        channels = rng.uniform(-1, 1, (n_channels, length)).astype(np.float32)
        mixed = mixdown.mix(channels)
        assert mixed.shape == (length,)
        assert mixed.dtype == np.float32
        assert (np.abs(mixed) <= np.abs(channels).max(axis=0) + 1e-5).all()
