"""From words heard in lanes to the segments of a transcript: one clock, no doubled word, speakers by turn."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from serve_app.transcript.model import Segment, SpeakerTurns, Turn, Word, join_words

if TYPE_CHECKING:
    from intervaltree import IntervalTree

SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…", "।", "؟", "۔")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A word on the file's clock and how it came: `opens_segment` when the recognizer began a segment with it."""

    word: Word
    opens_segment: bool
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSettings:
    """Where a transcript breaks into segments."""

    pause_s: float = 1.0  # a pause this long always ends a segment
    sentence_pause_s: float = 0.3  # after a sentence, this is enough
    longest_s: float = 20.0  # past this a segment ends at the next clause, and at twice this anywhere


def merge_words(lanes: Iterable[Sequence[Heard]], *, duration_s: float) -> list[Heard]:
    """Merge the words of all lanes; start times never decrease and no time lies outside [0, duration_s]."""
    merged: list[Heard] = []
    clock_s = 0.0
    for heard in sorted((h for lane in lanes for h in lane), key=lambda h: h.word.start_s):
        start_s = min(max(heard.word.start_s, clock_s), duration_s)
        clock_s = start_s
        end_s = min(max(heard.word.end_s, start_s), duration_s)
        merged.append(replace(heard, word=replace(heard.word, start_s=start_s, end_s=end_s)))
    return merged


def assign_speakers(words: Sequence[Heard], turns: Sequence[Turn]) -> list[Heard]:
    """Give each word the speaker whose turns overlap it most, else the one whose turn is nearest.

    `turns` do not overlap. A lone short word that differs from both neighbours inside a sentence is theirs: turn
    borders are less exact than that. Speakers are renumbered 0.. by first appearance.
    """
    from intervaltree import IntervalTree

    if not turns:
        return list(words)
    tree = IntervalTree.from_tuples((t.start_s, t.end_s, t.speaker) for t in turns if t.end_s > t.start_s)
    found = [_speaker_of(h.word, tree, turns) for h in words]
    found = _without_islands(words, found)
    names: dict[int, int] = {}
    for speaker in found:
        names.setdefault(speaker, len(names))
    return [replace(h, word=replace(h.word, speaker=names[speaker])) for h, speaker in zip(words, found, strict=True)]


def named_turns(words: Sequence[Heard], turns: SpeakerTurns) -> tuple[Turn, ...]:
    """Return the turns as heard under the speaker numbers that the words have.

    Speakers whose voice stands for no word are left out.
    """
    votes: dict[int, dict[int, float]] = {}
    spoken = [h.word for h in words if h.word.speaker is not None]
    for turn in turns.exclusive:
        for word in spoken[_first_after(spoken, turn.start_s) : _first_after(spoken, turn.end_s)]:
            named = votes.setdefault(turn.speaker, {})
            named[word.speaker or 0] = named.get(word.speaker or 0, 0.0) + word.end_s - word.start_s
    names = {speaker: max(sorted(named), key=lambda n: named[n]) for speaker, named in votes.items()}
    return tuple(replace(t, speaker=names[t.speaker]) for t in turns.heard if t.speaker in names)


def _first_after(words: Sequence[Word], time_s: float) -> int:
    return bisect_left(words, time_s, key=lambda w: w.start_s)


def _speaker_of(word: Word, tree: IntervalTree, turns: Sequence[Turn]) -> int:
    overlaps: dict[int, float] = {}
    for begin, end, speaker in tree.overlap(word.start_s, max(word.end_s, word.start_s + 1e-3)):
        overlaps[speaker] = overlaps.get(speaker, 0.0) + min(end, word.end_s) - max(begin, word.start_s)
    if overlaps:
        return max(sorted(overlaps), key=lambda speaker: overlaps[speaker])
    middle_s = (word.start_s + word.end_s) / 2
    return min(turns, key=lambda t: max(t.start_s - middle_s, middle_s - t.end_s)).speaker


def _without_islands(words: Sequence[Heard], speakers: Sequence[int]) -> list[int]:
    smoothed = list(speakers)
    for i in range(1, len(words) - 1):
        before, word, after = words[i - 1].word, words[i].word, words[i + 1].word
        alone = smoothed[i - 1] == smoothed[i + 1] != smoothed[i]
        joined = word.start_s - before.end_s < 0.3 and after.start_s - word.end_s < 0.3
        if alone and joined and not before.text.endswith(SENTENCE_ENDS):
            smoothed[i] = smoothed[i - 1]
    return smoothed


def build_segments(words: Sequence[Heard], settings: SegmentSettings) -> tuple[Segment, ...]:
    """Group words into segments of one speaker and one language; every word is in exactly one, in order."""
    segments: list[Segment] = []
    run: list[Heard] = []
    for heard in words:
        if run and _breaks(run, heard, settings):
            segments.append(_segment(run))
            run = []
        run.append(heard)
    if run:
        segments.append(_segment(run))
    return tuple(segments)


def _breaks(run: Sequence[Heard], heard: Heard, settings: SegmentSettings) -> bool:
    last = run[-1]
    pause_s = heard.word.start_s - last.word.end_s
    length_s = heard.word.end_s - run[0].word.start_s
    sentence_over = last.word.text.endswith(SENTENCE_ENDS)
    return (
        heard.word.speaker != last.word.speaker
        or heard.language != last.language
        or pause_s >= settings.pause_s
        or (sentence_over and (heard.opens_segment or pause_s >= settings.sentence_pause_s))
        or (length_s > settings.longest_s and (sentence_over or heard.opens_segment or last.word.text.endswith(",")))
        or length_s > 2 * settings.longest_s
    )


def _segment(run: Sequence[Heard]) -> Segment:
    words = tuple(h.word for h in run)
    return Segment(
        start_s=words[0].start_s,
        end_s=max(w.end_s for w in words),
        text=join_words(words),
        words=words,
        language=run[0].language,
        speaker=words[0].speaker,
        confidence=sum(w.confidence for w in words) / len(words),
    )
