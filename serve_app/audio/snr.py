"""How far speech stands above the noise of a recording, from frame statistics gathered while it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serve_app.audio.recording import Waveform
from serve_app.audio.speech import FRAME_SAMPLES, Probabilities

GOOD_DB = 15.0
MIN_DB, MAX_DB = -20.0, 60.0
_SPEECH, _NOT_SPEECH = 0.5, 0.25  # probabilities
_NEAR_FRAMES = 31  # 1 s: noise is taken from the pauses, not from a jingle minutes away
_CLEAR_FRAMES = 3  # 0.1 s next to speech belongs to neither
_ENOUGH_FRAMES = 8  # a quarter of a second of noise
_LOUDEST_SHARE = 0.05  # of the noise: slammed doors, and speech that the detector missed
_MOST_BELOW_DB = 10.0  # WADA cannot tell 0 dB from less, so pauses may correct it downwards, but not without end
_DIGITAL_SILENCE = 1e-10  # power; what a muted microphone or an editor writes is no noise
_SMALLEST = 1e-5  # amplitude; a third of the last bit of 16

# WADA-SNR (Kim and Stern, Interspeech 2008): for speech whose amplitudes follow a gamma distribution of shape 0.4 in
# Gaussian noise, ln E|z| - E ln|z| grows with the SNR. Values by simulation, every 5 dB from -20 to 40.
_WADA_DB = np.arange(-20.0, 41.0, 5.0)
_WADA_VALUES = np.array(
    [0.4095, 0.4098, 0.4122, 0.4240, 0.4620, 0.5435, 0.6673, 0.8122, 0.9557, 1.0845, 1.1940, 1.2841, 1.3571]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStatistics:
    """(n_frames,) float32 each, one value per 512 samples, without the frame's constant part."""

    power: npt.NDArray[np.float32]
    mean_magnitude: npt.NDArray[np.float32]
    mean_log_magnitude: npt.NDArray[np.float32]


class FrameMeter:
    """Gathers frame statistics from consecutive stretches of any length; 0.45 MB an hour and statistic."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)
        self._rows: list[npt.NDArray[np.float32]] = []

    def add(self, waveform: Waveform) -> None:
        """Take the next samples of the recording."""
        samples = np.concatenate([self._rest, waveform]) if self._rest.size else waveform
        whole = samples.size // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = samples[whole:].copy()
        if whole:
            self._rows.append(_measure(samples[:whole].reshape(-1, FRAME_SAMPLES)))

    def statistics(self) -> FrameStatistics:
        """Return the statistics of everything so far; a last part of a frame counts as a frame of its own."""
        rows = [*self._rows, _measure(self._rest.reshape(1, -1))] if self._rest.size else self._rows
        table = np.concatenate(rows, axis=1) if rows else np.zeros((3, 0), dtype=np.float32)
        return FrameStatistics(power=table[0], mean_magnitude=table[1], mean_log_magnitude=table[2])


def estimate_snr_db(statistics: FrameStatistics, probabilities: Probabilities) -> float | None:
    """Return the signal-to-noise ratio of the speech in dB, in [-20, 60]; None where nobody speaks.

    Compares speech with the pauses around it. Where these are loud, or missing, the distribution of amplitudes within
    the speech (WADA) has a say too: it shows whether the noise goes on under the words or is a knock or applause
    between them, for which nobody's recording should be called poor.
    """
    n_frames = min(len(statistics.power), len(probabilities))
    power, probabilities = statistics.power[:n_frames].astype(np.float64), probabilities[:n_frames]
    speech = (probabilities >= _SPEECH) & (power > _DIGITAL_SILENCE)
    if not speech.any():
        return None
    by_amplitude_db = _wada_db(statistics, np.flatnonzero(speech))
    noise = np.sort(power[_pauses(probabilities) & (power > _DIGITAL_SILENCE)])
    if noise.size < _ENOUGH_FRAMES:
        return by_amplitude_db
    speech_power = float(power[speech].mean())
    steady = noise[: noise.size - round(_LOUDEST_SHARE * noise.size)]
    by_pauses_db = _ratio_db(speech_power, float(steady.mean()))
    if by_pauses_db >= GOOD_DB:
        return by_pauses_db
    if by_amplitude_db >= GOOD_DB:
        return by_amplitude_db
    by_pauses_db = _ratio_db(speech_power, float(noise.mean()))
    return min(max(by_pauses_db, by_amplitude_db - _MOST_BELOW_DB), by_amplitude_db)


def _measure(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (3, n_frames): power, mean magnitude, mean log magnitude of (n_frames, n_samples)."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    magnitudes = np.abs(centred)
    power = np.einsum("fs,fs->f", centred, centred) / frames.shape[1]
    return np.stack([power, magnitudes.mean(axis=1), np.log(np.maximum(magnitudes, _SMALLEST)).mean(axis=1)])


def _pauses(probabilities: Probabilities) -> npt.NDArray[np.bool_]:
    """Tell which frames are noise close to speech but clear of it."""
    return (
        (probabilities < _NOT_SPEECH)
        & _reached(probabilities >= _SPEECH, _NEAR_FRAMES)
        & ~_reached(probabilities >= _SPEECH, _CLEAR_FRAMES)
    )


def _reached(active: npt.NDArray[np.bool_], n_frames: int) -> npt.NDArray[np.bool_]:
    """Tell which frames have an active one within n_frames on either side."""
    counts = np.concatenate([[0], np.cumsum(active)])
    index = np.arange(len(active))
    reached: npt.NDArray[np.bool_] = (
        counts[np.minimum(index + n_frames + 1, len(active))] > counts[np.maximum(index - n_frames, 0)]
    )
    return reached


def _wada_db(statistics: FrameStatistics, frames: npt.NDArray[np.intp]) -> float:
    mean = float(statistics.mean_magnitude[frames].astype(np.float64).mean())
    mean_log = float(statistics.mean_log_magnitude[frames].astype(np.float64).mean())
    return float(np.interp(np.log(max(mean, _SMALLEST)) - mean_log, _WADA_VALUES, _WADA_DB))


def _ratio_db(speech_and_noise: float, noise: float) -> float:
    speech = max(speech_and_noise - noise, 0.0)
    if speech <= 10 ** (MIN_DB / 10) * noise:
        return MIN_DB
    return min(float(10 * np.log10(speech / noise)), MAX_DB)
