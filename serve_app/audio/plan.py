"""Cut a recording into work for the recognizer.

Speech is dealt out to *lanes*, contiguous parts of the file decoded side by side. Within a lane, chunks follow one
another: each fills Whisper's window with the speech that comes next, is cut in silence, and the next one begins where
decoding really stopped. So windows stay full, nothing is decoded twice, and what one lane does depends on the
recording alone, not on how many replicas there are or who is first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from serve_app.audio.recording import Recording, Span, Waveform, read_span

WINDOW_S = 30.0  # Whisper's window: what its encoder was trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """How speech is packed."""

    chunk_s: float = 28.0  # a chunk holds at most this much; the rest of the window is the decoder's margin
    fill: float = 0.85  # a chunk is cut in the longest silence after this share of it
    lane_s: float = 120.0  # speech in a lane, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The unit sent to a replica: speech spans of the file, in order.

    Its samples are those of the spans one after another, so silence between them is squeezed out; *chunk time* runs
    over these samples from 0.
    """

    spans: tuple[Span, ...]

    @property
    def duration_s(self) -> float:
        return sum(span.duration_s for span in self.spans)

    def file_time(self, chunk_time_s: float, *, end: bool = False) -> float:
        """Map chunk time to file time; at a seam, `end` chooses the side that closes instead of the one that opens."""
        offset_s = 0.0
        for span in self.spans:
            inside_s = chunk_time_s - offset_s
            if inside_s < span.duration_s or (end and inside_s <= span.duration_s):
                return span.start_s + max(inside_s, 0.0)
            offset_s += span.duration_s
        return self.spans[-1].end_s

    def cut(self, start_s: float, end_s: float) -> tuple[Span, ...]:
        """Return the file spans behind the chunk times [start_s, end_s)."""
        spans: list[Span] = []
        offset_s = 0.0
        for span in self.spans:
            left_s = max(start_s - offset_s, 0.0)
            right_s = min(end_s - offset_s, span.duration_s)
            if right_s - left_s > 1e-3:
                spans.append(Span(span.start_s + left_s, span.start_s + right_s))
            offset_s += span.duration_s
        return tuple(spans)

    def waveform(self, recording: Recording) -> Waveform:
        """Return the chunk's samples from a recording whose blocks are resolved."""
        parts = [read_span(recording, span) for span in self.spans]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def split_long_spans(spans: Sequence[Span], *, longest_s: float, weakest: Callable[[Span], float]) -> list[Span]:
    """Split spans above `longest_s` at the time `weakest` names inside their latter part."""
    split: list[Span] = []
    for span in spans:
        rest = span
        while rest.duration_s > longest_s:
            cut_s = weakest(Span(rest.start_s + longest_s / 2, rest.start_s + longest_s))
            split.append(Span(rest.start_s, cut_s))
            rest = Span(cut_s, rest.end_s)
        split.append(rest)
    return split


def plan_lanes(spans: Sequence[Span], settings: PlanSettings) -> list[tuple[Span, ...]]:
    """Deal speech spans out to lanes of about equal speech, parted at the longest silence near each border."""
    total_s = sum(span.duration_s for span in spans)
    n_lanes = max(1, round(total_s / settings.lane_s))
    if n_lanes == 1:
        return [tuple(spans)] if spans else []
    ends = np.cumsum([span.duration_s for span in spans])
    gaps = np.array([b.start_s - a.end_s for a, b in pairwise(spans)])
    cuts: list[int] = []
    for i in range(1, n_lanes):
        near = np.flatnonzero(np.abs(ends[:-1] - i * total_s / n_lanes) <= settings.lane_s / 4)
        near = near[near > (cuts[-1] if cuts else -1)]
        if len(near):
            cuts.append(int(near[np.argmax(gaps[near])]))
    borders = [0, *(cut + 1 for cut in cuts), len(spans)]
    return [tuple(spans[a:b]) for a, b in pairwise(borders)]


def next_chunk(
    lane: Sequence[Span], from_s: float, settings: PlanSettings, *, room_s: float | None = None
) -> Chunk | None:
    """Return the chunk that starts at file time `from_s`; None when the lane holds no speech after it.

    It takes at most `room_s` (default: all a chunk may hold) and is cut in the longest silence of its last part, or
    takes all that is left if that fits. A first span longer than the room is cut where the room ends.
    """
    room_s = settings.chunk_s if room_s is None else room_s
    rest = [Span(max(s.start_s, from_s), s.end_s) for s in lane if s.end_s - max(s.start_s, from_s) > 1e-3]
    if not rest:
        return None
    taken: list[Span] = []
    filled_s = 0.0
    best = 0
    best_gap_s = -1.0
    for i, span in enumerate(rest):
        if filled_s + span.duration_s > room_s + 1e-6:
            break
        taken.append(span)
        filled_s += span.duration_s
        gap_s = rest[i + 1].start_s - span.end_s if i + 1 < len(rest) else 0.0
        if filled_s >= settings.fill * room_s and gap_s >= best_gap_s:
            best, best_gap_s = i + 1, gap_s
    if len(taken) == len(rest):
        return Chunk(spans=tuple(taken))
    if not taken:
        return Chunk(spans=(Span(rest[0].start_s, rest[0].start_s + room_s),))
    return Chunk(spans=tuple(taken[: best or len(taken)]))
