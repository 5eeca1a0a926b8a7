"""From network outputs to what each window holds: which local speaker is active when, and what each sounds like."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deployments.engines.diarization.features import FRAME_SAMPLES, HOP_SAMPLES
from deployments.engines.diarization.models import TRUNK_HOP_FRAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL_SPEAKERS = 3
FRAME_STEP_SAMPLES = 270  # segmentation frames are 16.875 ms apart
FRAME_SPAN_SAMPLES = 991  # and see this many samples each
FRAMES_PER_WINDOW = 589

_TRUNK_STEP_SAMPLES = TRUNK_HOP_FRAMES * HOP_SAMPLES
_TRUNK_CENTER_SAMPLES = FRAME_SAMPLES // 2
_MIN_CLEAN_FRAMES = 6  # 0.1 s without overlap say more about a voice than any length with it

Activity = npt.NDArray[np.uint8]
"""(n_windows, n_frames, n_local_speakers), 0 or 1."""


def decode_powerset(scores: npt.NDArray[np.float32]) -> Activity:
    """Return who is active in each frame: the most likely of {}, {0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}."""
    activity: Activity = _powerset()[np.argmax(scores, axis=-1)]
    return activity


def embedding_masks(activity: Activity) -> npt.NDArray[np.bool_]:
    """Return the frames a speaker is embedded from: those without overlap, or all when these are too few."""
    alone = activity.sum(axis=2, keepdims=True) == 1
    clean = activity.astype(bool) & alone
    enough = clean.sum(axis=1, keepdims=True) > _MIN_CLEAN_FRAMES
    return np.where(enough, clean, activity.astype(bool))


def trunk_range(start_samples: int, n_samples: int, n_trunk_frames: int) -> range:
    """Return the trunk frames of the file whose centres lie in a window."""
    first, stop = (
        -(-(sample - _TRUNK_CENTER_SAMPLES) // _TRUNK_STEP_SAMPLES)
        for sample in (start_samples, start_samples + n_samples)
    )
    return range(min(max(first, 0), n_trunk_frames), min(max(stop, 0), n_trunk_frames))


def masks_at(frames: range, masks: npt.NDArray[np.bool_], start_samples: int) -> npt.NDArray[np.float32]:
    """Sample one window's (n_frames, n_speakers) masks at the centres of trunk frames of the file."""
    centers = np.asarray(frames) * _TRUNK_STEP_SAMPLES + _TRUNK_CENTER_SAMPLES - start_samples
    nearest = np.rint((centers - FRAME_SPAN_SAMPLES / 2) / FRAME_STEP_SAMPLES).astype(int)
    sampled: npt.NDArray[np.float32] = masks[np.clip(nearest, 0, len(masks) - 1)].astype(np.float32)
    return sampled


def pooled(
    activations: npt.NDArray[np.float32], squares: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return (n_speakers, 2 * n_channels) weighted mean and unbiased deviation over (n_channels, n_frames).

    A speaker without weight gets NaN.
    """
    total = weights.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (activations @ weights) / total
        spread = (squares @ weights) - total * mean**2
        unbiased = total - (weights**2).sum(axis=0) / total
        deviation = np.sqrt(np.maximum(spread, 0.0) / np.maximum(unbiased, 1e-8))
    return np.concatenate([mean, deviation]).T


def batches(indices: range, size: int) -> Iterator[range]:
    """Cut a range into consecutive ranges of at most so many."""
    return (indices[first : first + size] for first in range(0, len(indices), size))


@functools.cache
def _powerset() -> npt.NDArray[np.uint8]:
    sets = [s for size in range(3) for s in itertools.combinations(range(LOCAL_SPEAKERS), size)]
    return np.array([[speaker in members for speaker in range(LOCAL_SPEAKERS)] for members in sets], dtype=np.uint8)
