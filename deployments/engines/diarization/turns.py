"""From named local speakers in overlapping windows to turns of the whole file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deployments.engines.diarization.linking import UNASSIGNED
from deployments.engines.diarization.voices import FRAME_SPAN_SAMPLES, FRAME_STEP_SAMPLES
from serve_app.audio.recording import SAMPLE_RATE_HZ
from serve_app.transcript.model import Turn

if TYPE_CHECKING:
    from deployments.engines.diarization.linking import Labels
    from deployments.engines.diarization.voices import Activity

# A breath does not end a turn: NIST's rich transcription evaluations bridge pauses of less than 0.3 s.
_PAUSE_FRAMES = round(0.3 * SAMPLE_RATE_HZ / FRAME_STEP_SAMPLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diarization:
    """Who speaks when. Speakers are numbered from 0 in the order in which they first appear.

    `turns` may overlap where several speak at once; `exclusive_turns` name the one most windows agree on, never
    overlap and are what words are assigned by. Both are in time order, and no turn reaches past the end of the file.
    """

    turns: tuple[Turn, ...]
    exclusive_turns: tuple[Turn, ...]


def find_turns(
    activity: Activity, labels: Labels, *, step_samples: int, duration_s: float, at_most: int | None
) -> Diarization:
    """Let the windows vote, frame by frame, on how many speak and who.

    `activity` and `labels` hold every window of the file in order.
    """
    if not len(activity):
        return Diarization(turns=(), exclusive_turns=())
    votes, counts = _votes(activity, labels, step_samples)
    counts = np.minimum(counts, votes.shape[1] if at_most is None else min(at_most, votes.shape[1]))
    ranked = _rank(votes, counts)
    turns = _runs(ranked, duration_s)
    exclusive = _runs(ranked == 1, duration_s)
    return _numbered(turns, exclusive)


def _votes(
    activity: Activity, labels: Labels, step_samples: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return (n_frames, n_speakers) windows in favour and (n_frames,) rounded mean number of speakers."""
    n_windows, n_frames, _ = activity.shape
    starts = np.rint(np.arange(n_windows) * step_samples / FRAME_STEP_SAMPLES).astype(int)
    total = int(starts[-1]) + n_frames
    votes = np.zeros((total, max(int(labels.max()) + 1, 0)), dtype=np.uint8)
    heard = np.zeros(total, dtype=np.uint16)
    covering = np.zeros(total, dtype=np.uint16)
    for start, window, names in zip(starts, activity, labels, strict=True):
        frames = slice(start, start + n_frames)
        heard[frames] += window.sum(axis=1, dtype=np.uint16)
        covering[frames] += 1
        for local, name in enumerate(names):
            if name != UNASSIGNED:
                votes[frames, name] += window[:, local]
    counts = np.rint(heard / np.maximum(covering, 1)).astype(np.uint8)
    return votes, counts


def _rank(votes: npt.NDArray[np.uint8], counts: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return (n_frames, n_speakers): 1 for the strongest speaker of a frame, 2 for the next, 0 beyond the count."""
    ranked = np.zeros(votes.shape, dtype=np.uint8)
    remaining = votes.copy()
    for rank in range(1, int(counts.max(initial=0)) + 1):
        frames = np.flatnonzero(counts >= rank)
        strongest = remaining[frames].argmax(axis=1)
        voted = remaining[frames, strongest] > 0
        ranked[frames[voted], strongest[voted]] = rank
        remaining[frames, strongest] = 0
    return ranked


def _runs(active: npt.NDArray[np.uint8] | npt.NDArray[np.bool_], duration_s: float) -> list[Turn]:
    """Return each speaker's runs of active frames, in time order; short silences in a run do not end it."""
    turns = []
    busy = np.concatenate([[0], np.cumsum(active.any(axis=1))])
    for speaker in range(active.shape[1]):
        padded = np.zeros(len(active) + 2, dtype=np.int8)
        padded[1:-1] = active[:, speaker] > 0
        starts, ends = np.flatnonzero(np.diff(padded)).reshape(-1, 2).T
        ended = (starts[1:] - ends[:-1] > _PAUSE_FRAMES) | (busy[starts[1:]] > busy[ends[:-1]])
        starts, ends = starts[np.append(True, ended)[: len(starts)]], ends[np.append(ended, True)[: len(ends)]]
        spans = zip(_time_s(starts, duration_s), _time_s(ends, duration_s), strict=True)
        turns += [Turn(start_s=start, end_s=end, speaker=speaker) for start, end in spans if start < end]
    return sorted(turns, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker))


def _time_s(frames: npt.NDArray[np.intp], duration_s: float) -> list[float]:
    centres = (frames * FRAME_STEP_SAMPLES + FRAME_SPAN_SAMPLES / 2) / SAMPLE_RATE_HZ
    times: list[float] = np.minimum(centres, duration_s).tolist()
    return times


def _numbered(turns: list[Turn], exclusive: list[Turn]) -> Diarization:
    number: dict[int, int] = {}
    for turn in exclusive + turns:
        number.setdefault(turn.speaker, len(number))

    def renamed(found: list[Turn]) -> tuple[Turn, ...]:
        return tuple(replace(turn, speaker=number[turn.speaker]) for turn in found)

    return Diarization(turns=renamed(turns), exclusive_turns=renamed(exclusive))
