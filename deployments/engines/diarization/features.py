"""Log-mel features as the WeSpeaker embedding network was trained on them (Kaldi's fbank, in numpy)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from serve_app.audio.recording import Waveform

FRAME_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
N_MELS = 80
CENTERING_FRAMES = 500  # the mean of 5 s on either side is taken off each frame

_FFT_SIZE = 512
_PRE_EMPHASIS = np.float32(0.97)
_LOWEST_HZ = 20.0
_QUIETEST = 0.0  # log energy far below the last bit of 16-bit audio

Features = npt.NDArray[np.float32]
"""(n_frames, 80) float32, one frame per 10 ms."""


def frame_count(n_samples: int) -> int:
    """Return how many whole frames lie in so many samples."""
    return 0 if n_samples < FRAME_SAMPLES else 1 + (n_samples - FRAME_SAMPLES) // HOP_SAMPLES


def log_mel(waveform: Waveform) -> Features:
    """Return the log-mel energies of every whole 25 ms frame, before any normalisation."""
    n_frames = frame_count(len(waveform))
    if n_frames == 0:
        return np.zeros((0, N_MELS), dtype=np.float32)
    features = np.empty((n_frames, N_MELS), dtype=np.float32)
    for first in range(0, n_frames, 1000):  # 10 s at a time keeps the frames in the cache
        stop = min(first + 1000, n_frames)
        features[first:stop] = _log_mel_block(waveform[first * HOP_SAMPLES : (stop - 1) * HOP_SAMPLES + FRAME_SAMPLES])
    return features


def centered(features: Features) -> Features:
    """Take the running mean off each frame; a frame's result depends on nothing further than 5 s away.

    Frames of digital silence (a muted line, padding) become zero and have no part in the mean: their energies are not
    those of any room.
    """
    if len(features) == 0:
        return features
    heard = features.max(axis=1, keepdims=True) > _QUIETEST
    sums = np.zeros((len(features) + 1, features.shape[1] + 1), dtype=np.float64)
    np.cumsum(np.concatenate([features * heard, heard], axis=1), axis=0, dtype=np.float64, out=sums[1:])
    index = np.arange(len(features))
    around = sums[np.minimum(index + CENTERING_FRAMES + 1, len(features))]
    around -= sums[np.maximum(index - CENTERING_FRAMES, 0)]
    result: Features = ((features - around[:, :-1] / np.maximum(around[:, -1:], 1)) * heard).astype(np.float32)
    return result


def _log_mel_block(waveform: Waveform) -> Features:
    scaled = np.asarray(waveform, dtype=np.float32) * np.float32(32768.0)  # the network saw 16-bit sample values
    frames = np.lib.stride_tricks.sliding_window_view(scaled, FRAME_SAMPLES)[::HOP_SAMPLES]
    frames = frames - frames.mean(axis=1, keepdims=True)
    emphasised = frames.copy()
    emphasised[:, 1:] -= _PRE_EMPHASIS * frames[:, :-1]
    emphasised[:, 0] -= _PRE_EMPHASIS * frames[:, 0]
    spectrum = np.fft.rfft(emphasised * _window(), n=_FFT_SIZE, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    floor = np.finfo(np.float32).eps
    energies: Features = np.log(np.maximum(power @ _mel_filters(), floor))
    return energies


@functools.cache
def _window() -> npt.NDArray[np.float32]:
    return np.hamming(FRAME_SAMPLES).astype(np.float32)


@functools.cache
def _mel_filters() -> npt.NDArray[np.float32]:
    """Return (n_bins, 80) triangles, equally wide on the mel scale 1127 ln(1 + f / 700)."""
    bins_mel = 1127.0 * np.log1p(np.arange(_FFT_SIZE // 2 + 1) * (16_000 / _FFT_SIZE) / 700.0)
    low_mel, high_mel = (1127.0 * np.log1p(hz / 700.0) for hz in (_LOWEST_HZ, 8_000.0))
    edges = np.linspace(low_mel, high_mel, N_MELS + 2)
    rising = (bins_mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins_mel[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(np.minimum(rising, falling), 0.0)
    filters[-1] = 0.0  # Kaldi leaves the Nyquist bin out
    single: npt.NDArray[np.float32] = filters.astype(np.float32)
    return single
