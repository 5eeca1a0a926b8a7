"""Decoded audio as the rest of the service sees it: mono, 16 kHz, float32, in blocks that may live elsewhere."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
Waveform = npt.NDArray[np.float32]
"""(n_samples,) float32 in [-1, 1] at 16 kHz, mono."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The half-open interval [start_s, end_s) of a recording, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def shifted(self, by_s: float) -> Span:
        return Span(self.start_s + by_s, self.end_s + by_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Consecutive samples of a recording.

    `samples` is the Waveform itself or whatever reference to it the process can resolve.
    """

    start: int
    n_samples: int
    samples: object

    @property
    def end(self) -> int:
        return self.start + self.n_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A whole recording as consecutive blocks, cheap to pass around because blocks may be references."""

    blocks: tuple[Block, ...]

    @property
    def n_samples(self) -> int:
        return self.blocks[-1].end if self.blocks else 0

    @property
    def duration_s(self) -> float:
        return self.n_samples / SAMPLE_RATE_HZ

    def overlapping(self, spans: Sequence[Span]) -> Recording:
        """Keep only the blocks that the spans touch, so that a message carries no reference it does not need."""
        kept: set[int] = set()
        for start, end in map(sample_range, spans):
            if start >= end:
                continue
            first = bisect_right(self.blocks, start, key=attrgetter("end"))
            kept.update(range(first, bisect_left(self.blocks, end, lo=first, key=attrgetter("start"))))
        return Recording(blocks=tuple(self.blocks[n] for n in sorted(kept)))


def sample_range(span: Span) -> tuple[int, int]:
    """Return the sample indices [start, end) of a span."""
    return round(span.start_s * SAMPLE_RATE_HZ), round(span.end_s * SAMPLE_RATE_HZ)


def read_span(recording: Recording, span: Span) -> Waveform:
    """Return the samples of a span from resolved blocks; parts outside the recording are left out.

    Each block's `samples` must be a Waveform. Returns a view when one block holds the whole span.
    """
    start, end = sample_range(span)
    parts = [
        np.asarray(b.samples, dtype=np.float32)[max(start - b.start, 0) : min(end, b.end) - b.start]
        for b in recording.blocks
        if b.start < end and start < b.end
    ]
    if not parts:
        return np.zeros(0, dtype=np.float32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
