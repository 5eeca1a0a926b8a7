"""Words and turns of two systems put together, the way a user would write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.common.outcome import Cost, HeardWord, Outcome, SpeakerTurn


def glue(recognized: Outcome, diarized: Outcome) -> Outcome:
    """Name the speaker of every word; the cost is that of running one system after the other."""
    turns = diarized.exclusive_turns or diarized.turns or ()
    return replace(
        recognized,
        words=tuple(replace(word, speaker=speaker_of(word, turns)) for word in recognized.words),
        turns=diarized.turns,
        error=recognized.error or diarized.error,
        cost=_in_sequence(recognized.cost, diarized.cost),
    )


def speaker_of(word: HeardWord, turns: Sequence[SpeakerTurn]) -> str | None:
    """Return who talks at the word's middle, or whose turn is nearest to it; None without turns."""
    if not turns:
        return None
    return min(turns, key=lambda turn: max(turn.start_s - word.middle_s, word.middle_s - turn.end_s, 0.0)).speaker


def _in_sequence(first: Cost, second: Cost) -> Cost:
    def total(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a + b

    peaks = [peak for peak in (first.peak_rss_bytes, second.peak_rss_bytes) if peak is not None]
    return Cost(
        wall_s=first.wall_s + second.wall_s,
        cpu_s=total(first.cpu_s, second.cpu_s),
        load_s=total(first.load_s, second.load_s),
        peak_rss_bytes=max(peaks, default=None),  # at least: one process would hold both models
    )
