"""The recent sound of a stream."""

from __future__ import annotations

import numpy as np

from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform


class RecentSound:
    """Samples of a stream from some time on; what came before is forgotten when told to."""

    def __init__(self) -> None:
        self._parts: list[Waveform] = []
        self._start = 0
        self._end = 0

    @property
    def end_s(self) -> float:
        return self._end / SAMPLE_RATE_HZ

    @property
    def held_s(self) -> float:
        return (self._end - self._start) / SAMPLE_RATE_HZ

    def append(self, samples: Waveform) -> None:
        if samples.size:
            self._parts.append(samples)
            self._end += samples.size

    def read(self, start_s: float, end_s: float) -> Waveform:
        """Return the samples between two times, as far as they are held."""
        self._join()
        start = max(round(start_s * SAMPLE_RATE_HZ), self._start) - self._start
        end = min(round(end_s * SAMPLE_RATE_HZ), self._end) - self._start
        return self._parts[0][start:end].copy() if self._parts and end > start else np.zeros(0, dtype=np.float32)

    def forget_before(self, time_s: float) -> None:
        """Let go of what is older; a second of it may stay, so that nothing is copied for a few samples."""
        first = round(time_s * SAMPLE_RATE_HZ)
        if first - self._start < SAMPLE_RATE_HZ:
            return
        self._join()
        self._parts = [self._parts[0][first - self._start :].copy()] if first < self._end else []
        self._start = min(first, self._end)

    def _join(self) -> None:
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
