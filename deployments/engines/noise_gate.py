"""Noise taken out of a live stream by spectral gating, with the noisereduce package (Sainburg 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np

from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.ports.streaming import Enhancement

_STEP_SAMPLES = SAMPLE_RATE_HZ // 5  # gated at a time: a spectrum costs the same for a frame of 20 ms
_CONTEXT_SAMPLES = 2 * SAMPLE_RATE_HZ  # heard before it, to know the noise
_AHEAD_SAMPLES = 512  # held back, so that a spectrum never ends where the sound is cut
_FFT_SAMPLES = 512

_GATES: dict[Enhancement, dict[str, Any]] = {
    "light": {"stationary": True, "prop_decrease": 0.6},
    "adaptive": {"stationary": False, "prop_decrease": 0.8, "time_constant_s": 1.0},
}


class NoiseGate:
    """One stream. What comes out, joined, is as long as what went in; up to 0.25 s of it comes later."""

    def __init__(self, enhancement: Enhancement) -> None:
        import noisereduce

        self._reduce = noisereduce.reduce_noise
        self._gate = _GATES[enhancement]
        self._context = np.zeros(0, dtype=np.float32)
        self._waiting = np.zeros(0, dtype=np.float32)

    def enhance(self, samples: Waveform, *, last: bool = False) -> Waveform:
        """Return the samples that are done by now; with `last` all that are left."""
        self._waiting = np.concatenate([self._waiting, samples])
        n_ready = self._waiting.size - (0 if last else _AHEAD_SAMPLES)
        if n_ready < (1 if last else _STEP_SAMPLES):
            return np.zeros(0, dtype=np.float32)
        heard = np.concatenate([self._context, self._waiting])
        start = self._context.size
        self._context = heard[max(start + n_ready - _CONTEXT_SAMPLES, 0) : start + n_ready].copy()
        self._waiting = self._waiting[n_ready:]
        if not heard.any():
            return heard[start : start + n_ready]
        cleaned = self._reduce(y=heard, sr=SAMPLE_RATE_HZ, n_fft=_FFT_SAMPLES, **self._gate)
        return np.asarray(cleaned, dtype=np.float32)[start : start + n_ready]
