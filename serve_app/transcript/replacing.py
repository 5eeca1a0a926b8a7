"""Words replaced by others where their text is, with their times and speakers kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from serve_app.transcript.model import Segment, Word, join_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What stands for characters `start` to `end` of a segment's text."""

    start: int
    end: int
    text: str


def replaced(segment: Segment, replacements: Sequence[Replacement]) -> Segment:
    """Return a segment in whose text the replacements stand. They are in order and do not overlap.

    Words that one touches become a single one, over all their time; what it leaves of them stays beside it.
    """
    words: list[Word] = []
    waiting = [r for r in replacements if r.start < r.end]
    end = 0
    joined: list[Word] = []  # the words that make one with the next, since a replacement reaches over both
    joined_at = 0
    for word in segment.words:
        start = end + (1 if word.space_before and (words or joined) else 0)
        end = start + len(word.text)
        if not joined:
            joined_at = start
        joined.append(word)
        if any(r.start < end < r.end for r in waiting):
            continue
        inside = [r for r in waiting if r.start < end]
        words.append(_one(joined, segment.text[joined_at:end], joined_at, inside) if inside else word)
        waiting = waiting[len(inside) :]
        joined = []
    return replace(segment, words=tuple(words), text=join_words(tuple(words)))


def _one(words: Sequence[Word], text: str, at: int, replacements: Sequence[Replacement]) -> Word:
    for replacement in reversed(replacements):
        text = text[: max(replacement.start - at, 0)] + replacement.text + text[replacement.end - at :]
    return replace(words[0], text=text, end_s=words[-1].end_s, confidence=min(word.confidence for word in words))
