"""From what was measured of the engines to the few numbers that a simulation needs."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.common.dataset import Item
from benchmarks.scale.simulation.calibration import AudioTime, Calibration
from serve_app.audio.speech import speech_spans

Result = TypeVar("Result")
HOP_S = 0.003  # one call over a handle, Serve's default mode


@dataclass(kw_only=True)
class Measured:
    """What was seen. Times are in CPU seconds."""

    encode_s: list[float] = field(default_factory=list)  # of whole windows
    short_encode: list[tuple[float, float]] = field(default_factory=list)  # of others: seconds of audio, time
    identify_s: list[float] = field(default_factory=list)
    batches: list[tuple[int, float, float]] = field(default_factory=list)  # windows, longest audio, time
    media: list[tuple[float, float]] = field(default_factory=list)  # seconds of audio, time
    detect: list[tuple[float, float]] = field(default_factory=list)
    diarize: list[tuple[float, float]] = field(default_factory=list)
    link: list[tuple[float, float]] = field(default_factory=list)
    reached: list[float] = field(default_factory=list)
    holes: int = 0
    chunks: int = 0  # first attempts
    windows: int = 0
    words: int = 0
    heard_s: float = 0.0
    probabilities: list[npt.NDArray[np.float32]] = field(default_factory=list)
    _core: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def alone(self, call: Callable[[], Result]) -> tuple[Result, float]:
        """Run a call while no other one runs, and return its CPU time: what else the machine does is not in it."""
        async with self._core:
            return await asyncio.to_thread(_timed, call)


def _timed(call: Callable[[], Result]) -> tuple[Result, float]:
    began_s = time.process_time()
    return call(), time.process_time() - began_s


def fitted(measured: Measured, item: Item, *, windows: int, batch: int) -> Calibration:
    """Return the calibration; `batch` is the size whose times scatter as those of the service do."""
    by_size: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for n, longest_s, cpu_s in measured.batches:
        by_size[n].append((longest_s, cpu_s))
    decode = {n: _line(points) for n, points in by_size.items()}
    encode_s = float(np.median(measured.encode_s))
    spans = speech_spans(np.concatenate(measured.probabilities), duration_s=item.seconds)
    return Calibration(
        recording=item.id,
        audio_s=item.seconds,
        encode_s=encode_s,
        short_encode=_line(measured.short_encode or [(item.seconds, encode_s)]),
        identify_s=float(np.median(measured.identify_s or measured.encode_s)),
        decode=decode,
        residuals=tuple(
            round(cpu_s / decode[n].of(longest_s), 3) for n, longest_s, cpu_s in measured.batches if n == batch
        ),
        reached=tuple(round(share, 3) for share in measured.reached),
        holes_per_chunk=measured.holes / max(measured.chunks, 1),
        words_per_s=measured.words / max(measured.heard_s, 1.0),
        media_s=_per_audio_s(measured.media),
        detect_s=_per_audio_s(measured.detect),
        diarize_s=_per_audio_s(measured.diarize),
        link_s=_per_audio_s(measured.link),
        speech_s=tuple(round(span.duration_s, 2) for span in spans),
        pause_s=(*(round(b.start_s - a.end_s, 2) for a, b in pairwise(spans)), 1.0),
        windows=windows,
        hop_s=HOP_S,
    )


def _per_audio_s(points: Sequence[tuple[float, float]]) -> float:
    audio_s = sum(audio for audio, _ in points)
    return sum(cpu for _, cpu in points) / audio_s if audio_s else 0.0


def _line(points: Sequence[tuple[float, float]]) -> AudioTime:
    """Fit a time that grows with the audio; never one that falls with it."""
    audio_s, cpu_s = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    if len(points) < 3 or np.ptp(audio_s) < 1:
        return AudioTime(base_s=float(cpu_s.mean()), per_audio_s=0.0)
    slope, base = np.polyfit(audio_s, cpu_s, 1)
    if slope < 0 or base < 0:
        slope = max(float((audio_s @ cpu_s) / (audio_s @ audio_s)), 0.0)
        base = 0.0
    return AudioTime(base_s=float(base), per_audio_s=float(slope))
