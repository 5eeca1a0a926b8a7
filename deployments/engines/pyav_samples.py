"""Decoded frames as one steady stream of samples: gaps filled, resampled to mono 16 kHz, cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import numpy as np

from deployments.engines.pyav_faults import Faults
from serve_app.audio.mixdown import Mixdown, channel_weights
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

MAX_RATE_HZ = 768_000
MIN_RATE_HZ = 1_000
MAX_CHANNELS = 64

JITTER_S = 0.2  # timestamps of live recordings wander this far; a larger step is a gap
LEADING_JITTER_S = 0.01  # before the first sample silence cuts no word
MAX_GAP_S = 600.0  # a larger step forward is taken for a broken timestamp
MAX_GAPS_S = 3_600.0  # of silence filled in altogether: a small file of gaps must not become days of sound
REWIND_S = 1.0  # a larger step back is a new timeline that continues here


class Timeline:
    """Compares the frames' timestamps with the samples so far, and tells how much silence is missing between."""

    def __init__(self, container: InputContainer, faults: Faults) -> None:
        self._origin_s = None if container.start_time is None else container.start_time / 1_000_000
        self._end_s = None if container.duration is None else container.duration / 1_000_000
        self._faults = faults
        self._position_s = 0.0
        self._gaps_s = 0.0

    def gap_before(self, frame: AudioFrame) -> float:
        """Return the seconds of silence to put before the frame, and count both as played."""
        gap_s = self._gap_s(frame.time)
        self._gaps_s += gap_s
        self._position_s += gap_s + frame.samples / frame.sample_rate
        return gap_s

    def _gap_s(self, time_s: float | None) -> float:
        if time_s is None:
            return 0.0
        if self._origin_s is None:
            self._origin_s = time_s
        gap_s = time_s - self._origin_s - self._position_s
        if gap_s <= (JITTER_S if self._position_s else LEADING_JITTER_S):
            if gap_s < -REWIND_S:
                self._origin_s += gap_s
            return 0.0
        past_the_end = self._end_s is not None and self._position_s + gap_s > self._end_s + REWIND_S
        if gap_s > min(MAX_GAP_S, MAX_GAPS_S - self._gaps_s) or past_the_end:
            self._faults.broken_timestamps = True
            self._origin_s += gap_s
            return 0.0
        return gap_s


def is_plausible(frame: AudioFrame) -> bool:
    """Tell whether a frame can be part of a recording; damage makes decoders claim odd shapes."""
    return MIN_RATE_HZ <= frame.sample_rate <= MAX_RATE_HZ and 1 <= frame.layout.nb_channels <= MAX_CHANNELS


def read_samples(frames: Iterator[AudioFrame], timeline: Timeline, faults: Faults) -> Iterator[Waveform]:
    """Yield mono 16 kHz samples, about a second at a time, with silence where the timeline has a gap."""
    converter: _Converter | None = None
    for frame in frames:
        if not frame.samples:
            continue
        if not is_plausible(frame):
            faults.bad_packets += 1
            continue
        shape = (frame.layout.nb_channels, frame.sample_rate, frame.format.name)
        gap_s = timeline.gap_before(frame)
        if converter is not None and (gap_s or converter.shape != shape):
            yield from converter.flush()
            converter = None
        yield from _silence(gap_s)
        converter = converter or _Converter(frame, shape, faults)
        yield from converter.write(frame)
    if converter is not None:
        yield from converter.flush()


def _silence(duration_s: float) -> Iterator[Waveform]:
    left = round(duration_s * SAMPLE_RATE_HZ)
    while left > 0:
        n_samples = min(left, SAMPLE_RATE_HZ)
        yield np.zeros(n_samples, dtype=np.float32)
        left -= n_samples


class _Converter:
    """Resamples and mixes frames of one shape, gathered to a second at a time: frames come by the hundred thousand."""

    def __init__(self, frame: AudioFrame, shape: tuple[int, int, str], faults: Faults) -> None:
        from av.audio.fifo import AudioFifo
        from av.audio.resampler import AudioResampler

        self.shape = shape
        self._n_channels, self._rate_hz, _ = shape
        self._faults = faults
        self._gathered = AudioFifo()
        # Interleaved: PyAV counts the planes of a frame up to the first null pointer, and with eight planes there is
        # none, so that it would read on into memory that is not the frame's.
        self._resampler = AudioResampler(format="flt", rate=SAMPLE_RATE_HZ)
        self._mixdown = Mixdown(channel_weights([channel.name for channel in frame.layout.channels]))

    def write(self, frame: AudioFrame) -> Iterator[Waveform]:
        frame.pts = None  # the timeline has been kept already; AudioFifo would insist on gapless timestamps
        self._gathered.write(frame)
        while self._gathered.samples >= self._rate_hz:
            yield from self._convert(self._gathered.read(self._rate_hz))

    def flush(self) -> Iterator[Waveform]:
        rest = self._gathered.read(0, partial=True)
        if rest is not None:
            yield from self._convert(rest)
        yield from self._convert(None)

    def _convert(self, frame: AudioFrame | None) -> Iterator[Waveform]:
        try:
            frames = self._resampler.resample(frame)
        except Exception:  # PyAV raises builtins and its own tree; whatever it is, this stretch is lost
            self._faults.bad_packets += 1
            return
        for resampled in frames:
            if resampled is not None:
                interleaved = cast(Waveform, resampled.to_ndarray())
                yield self._mixdown.mix(interleaved.reshape(-1, self._n_channels).T)


class Blocks:
    """Cuts a stream of samples into blocks of one length; values end up finite and in [-1, 1]."""

    def __init__(self, block_samples: int) -> None:
        self._block = np.empty(block_samples, dtype=np.float32)
        self._filled = 0
        self.n_samples = 0

    def add(self, samples: Waveform) -> Iterator[Waveform]:
        """Yield the blocks that are known not to be the last."""
        self.n_samples += samples.size
        taken = 0
        while taken < samples.size:
            if self._filled == self._block.size:
                yield self.rest()
            part = samples[taken : taken + self._block.size - self._filled]
            self._block[self._filled : self._filled + part.size] = part
            self._filled += part.size
            taken += part.size

    def rest(self) -> Waveform:
        block = self._block[: self._filled]
        self._block, self._filled = np.empty_like(self._block), 0
        np.nan_to_num(block, copy=False, nan=0.0)
        return np.clip(block, -1.0, 1.0, out=block)
