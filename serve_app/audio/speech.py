"""From speech probabilities to the spans of a recording in which somebody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serve_app.audio.recording import SAMPLE_RATE_HZ, Span

FRAME_SAMPLES = 512  # the detector gives one probability per frame
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
WINDOW_FRAMES = 94  # 3 s: the detector starts afresh this often, because a long memory makes it miss faint speech
CONTEXT_FRAMES = 32  # 1 s of sound before each window, heard but not reported

Probabilities = npt.NDArray[np.float32]
"""(n_frames,) in [0, 1], one per 512 samples from the start of the recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSettings:
    """When sound counts as speech. Probabilities at `onset` or above count as confident."""

    onset: float = 0.5  # a span needs one frame at least as probable as this
    offset: float = 0.25  # and goes on while frames are at least this probable
    min_speech_s: float = 0.09  # shorter runs are clicks
    min_silence_s: float = 0.16  # shorter pauses are bridged
    padding_s: float = 0.2  # added on both sides, at most to the middle of the pause: first and last sounds are faint
    sure: float = 0.95  # a run with such a frame is speech wherever it stands; sung or played notes stay below
    support_window_s: float = 15.0  # other runs need confident frames around them, up to this far on both sides,
    min_support: float = 0.1  # in at least this share of the time
    faint: float = 0.4  # a run that never gets confident is speech from here on,
    faint_support: float = 0.3  # in the midst of speech: where this share of the time is confident


def detection_spans(n_samples: int, *, windows: int = 10, skip: int = 0) -> list[Span]:
    """Cut a recording into spans for the detector, `windows` of its windows (30 s) each; all but the first `skip`.

    Probabilities of these spans, each detected with `context_before` it, join to exactly those of the whole recording.
    """
    step = windows * WINDOW_FRAMES * FRAME_SAMPLES
    return [
        Span(start / SAMPLE_RATE_HZ, min(start + step, n_samples) / SAMPLE_RATE_HZ)
        for start in range(skip * step, n_samples, step)
    ]


def with_context(span: Span) -> Span:
    """Widen a span to the left by the sound that the detector needs to hear before it."""
    return Span(max(span.start_s - CONTEXT_FRAMES * FRAME_S, 0.0), span.end_s)


def speech_spans(
    probabilities: Probabilities, *, duration_s: float | None = None, settings: SpeechSettings | None = None
) -> list[Span]:
    """Return the spans of speech: in order, not overlapping (neighbours may touch), inside [0, duration_s].

    Without a duration the recording is taken to end with its last frame.
    """
    settings = settings or SpeechSettings()
    end_s = len(probabilities) * FRAME_S if duration_s is None else duration_s
    runs = _runs(probabilities >= settings.offset)
    runs = _believable(runs, probabilities, settings)
    runs = _bridged(runs, settings.min_silence_s / FRAME_S)
    runs = runs[runs[:, 1] - runs[:, 0] >= settings.min_speech_s / FRAME_S]
    return _padded(runs, settings.padding_s, end_s)


def weakest_frame(probabilities: Probabilities, span: Span) -> float:
    """Return the time inside the span where a cut hurts least: the middle of its least speech-like frame.

    The last of equals is taken.
    """
    first = int(np.clip(np.ceil(span.start_s / FRAME_S), 0, max(len(probabilities) - 1, 0)))
    last = int(np.clip(np.floor(span.end_s / FRAME_S), first + 1, max(len(probabilities), first + 1)))
    before = max(first - 1, 0)  # smoothing looks one frame to either side, not at the whole recording
    doubt = _smoothed(probabilities[before : last + 1])[first - before : last - before]
    if not doubt.size:
        return (span.start_s + span.end_s) / 2
    weakest = first + doubt.size - 1 - int(np.argmin(doubt[::-1]))
    return float(min(max((weakest + 0.5) * FRAME_S, span.start_s), span.end_s))


def total_s(spans: Sequence[Span]) -> float:
    """Return the seconds of speech in all."""
    return sum(span.duration_s for span in spans)


def _runs(active: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return (n_runs, 2) first and past-the-last indices of the runs of True."""
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2)


def _believable(
    runs: npt.NDArray[np.intp], probabilities: Probabilities, settings: SpeechSettings
) -> npt.NDArray[np.intp]:
    """Keep the runs that are speech by themselves or by what is around them.

    Music and noise make single frames look like speech, but far apart; speakers go on speaking.
    """
    if not len(runs):
        return runs
    peaks = np.array([probabilities[start:end].max() for start, end in runs])
    confident = np.concatenate([[0], np.cumsum(probabilities >= settings.onset)])
    reach = round(settings.support_window_s / FRAME_S)
    left = np.maximum(runs[:, 0] - reach, 0)
    right = np.minimum(runs[:, 1] + reach, len(probabilities))
    support = (confident[right] - confident[left]) / (right - left)
    believable: npt.NDArray[np.bool_] = (
        (peaks >= settings.sure)
        | ((peaks >= settings.onset) & (support >= settings.min_support))
        | ((peaks >= settings.faint) & (support >= settings.faint_support))
    )
    return runs[believable]


def _bridged(runs: npt.NDArray[np.intp], min_gap: float) -> npt.NDArray[np.intp]:
    if not len(runs):
        return runs
    apart = runs[1:, 0] - runs[:-1, 1] >= min_gap
    return np.stack([runs[np.r_[True, apart], 0], runs[np.r_[apart, True], 1]], axis=1)


def _padded(runs: npt.NDArray[np.intp], padding_s: float, end_s: float) -> list[Span]:
    if not len(runs):
        return []
    starts, ends = runs[:, 0] * FRAME_S, np.minimum(runs[:, 1] * FRAME_S, end_s)
    room = np.minimum((starts[1:] - ends[:-1]) / 2, padding_s)
    starts[1:] -= room
    ends[:-1] += room
    starts[0] = max(starts[0] - padding_s, 0.0)
    ends[-1] = min(ends[-1] + padding_s, end_s)
    return [Span(float(start), float(end)) for start, end in zip(starts, ends, strict=True) if end > start]


def _smoothed(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Average over three frames: a cut needs about 0.1 s of room."""
    padded = np.pad(values.astype(np.float64), 1, mode="edge") if values.size else np.zeros(2)
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3
