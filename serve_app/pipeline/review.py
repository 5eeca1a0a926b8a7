"""Judge what a recognizer wrote down for a chunk: what to keep, what was skipped, what was invented.

The checks follow from how Whisper fails: it may jump over speech (attention then stretches one word over the hole, or
leaves a gap), repeat itself in a loop, stop before the speech does, and write text over noise (Radford et al. 2022,
section 4.5; Koenecke et al. 2024).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Span
from serve_app.ports.speech import Recognition
from serve_app.transcript.merge import Heard
from serve_app.transcript.model import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """When a doubt becomes a finding."""

    hole_s: float = 1.2  # speech without a word for this long was skipped
    seam_s: float = 0.4  # silence that stands at a seam between two spans of a chunk: their padding
    long_word_s: float = 1.4  # a word this long hides skipped speech
    long_character_s: float = 0.35  # unless it has the characters for it: "1462," is four spoken words
    tail_s: float = 0.7  # decoding stopped short when this much is left, the padding of the last span included
    loop_repeats: int = 4
    loop_words: int = 7  # a loop has at least this many words in all
    trusted_loop_s: float = 15.0  # what precedes a loop is believed only in chunks this short
    no_speech_prob: float = 0.6
    min_avg_logprob: float = -1.0
    rush_words: int = 4  # this many words in a row without duration stand for no sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Speech of the file that no word stands for; `doubtful` is the word that attention stretched over it, if any."""

    spans: tuple[Span, ...]
    doubtful: Heard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The outcome for one chunk. Words and holes are on the file's clock."""

    words: tuple[Heard, ...]
    holes: tuple[Hole, ...] = ()
    resume_s: float | None = None  # decode again from here; None: done to the chunk's end
    looped: bool = False


def review(chunk: Chunk, recognition: Recognition, settings: ReviewSettings) -> Review:
    """Check a recognition against its chunk. Kept words lie inside the chunk's spans, in order."""
    heard = [
        Heard(word=word, opens_segment=i == 0, language=segment.language or recognition.language)
        for segment in recognition.segments
        for i, word in enumerate(segment.words)
    ]
    silent = recognition.no_speech_prob > settings.no_speech_prob
    if silent and recognition.avg_logprob < settings.min_avg_logprob:
        return Review(words=())
    kept = _without_rushed(heard, settings.rush_words)
    loop = find_loop([h.word.text for h in kept], repeats=settings.loop_repeats, words=settings.loop_words)
    if loop is not None:
        # Attention has lost its place by the time a loop begins: what came just before is suspect as well.
        kept = [] if chunk.duration_s > settings.trusted_loop_s else kept[:loop]
    doubtful_until_s = kept[-1].word.end_s if kept else 0.0
    kept, holes = _split_holes(chunk, kept, settings)
    reached_s = kept[-1].word.end_s if kept else doubtful_until_s
    resume_s = chunk.file_time(reached_s)
    stopped_short = loop is not None or (reached_s > 0 and chunk.duration_s - reached_s > settings.tail_s)
    return Review(
        words=tuple(_on_file_clock(chunk, h) for h in kept),
        # What lies after the point of resumption is decoded again anyway.
        holes=tuple(h for h in holes if not stopped_short or h.spans[0].start_s < resume_s),
        resume_s=resume_s if stopped_short else None,
        looped=loop is not None,
    )


def find_loop(texts: Sequence[str], *, repeats: int, words: int) -> int | None:
    """Return where a text starts to repeat itself without end, after one honest copy; None when it does not.

    A loop is a run of words said `repeats` times or more on end and `words` words in all, a run of at least `words`
    words said twice on end (people seldom do, Whisper does when it has lost its place), or one word that repeats a
    few characters ten times ("nape loo-o-o-o-…").
    """
    bare = [bare_text(text) for text in texts]
    for start in range(len(bare)):
        if re.search(r"(.{1,4}?)\1{9,}", bare[start]):
            return start
        for length in range(1, (len(bare) - start) // 2 + 1):
            times = _copies(bare, start, length)
            if times * length >= words and times >= (2 if length >= words else repeats):
                return start + length
    return None


def bare_text(text: str) -> str:
    """Return a word without punctuation and case."""
    return re.sub(r"\W+", "", text).lower()


def _copies(texts: Sequence[str], start: int, length: int) -> int:
    unit = texts[start : start + length]
    times = 1
    while texts[start + times * length : start + (times + 1) * length] == unit:
        times += 1
    return times


def _without_rushed(heard: Sequence[Heard], rush_words: int) -> list[Heard]:
    """Drop runs of words that alignment could give no time: there was no sound for them."""
    kept: list[Heard] = []
    run: list[Heard] = []
    for h in [*heard, None]:
        if h is not None and h.word.end_s - h.word.start_s < 0.01:
            run.append(h)
            continue
        if len(run) < rush_words:
            kept.extend(run)
        run = []
        if h is not None:
            kept.append(h)
    return kept


def _split_holes(
    chunk: Chunk, heard: Sequence[Heard], settings: ReviewSettings
) -> tuple[list[Heard], tuple[Hole, ...]]:
    """Part words (chunk time) from the holes between them; the tail after the last word is not a hole."""
    kept: list[Heard] = []
    holes: list[Hole] = []
    reached_s = 0.0
    for i, h in enumerate(heard):
        start_s, end_s = h.word.start_s, h.word.end_s
        if end_s - start_s > max(settings.long_word_s, settings.long_character_s * len(h.word.text)):
            following = heard[i + 1].word.start_s if i + 1 < len(heard) else end_s
            if spans := chunk.cut(reached_s, following):
                holes.append(Hole(spans=spans, doubtful=_on_file_clock(chunk, h)))
                reached_s = following
                continue
        gap = chunk.cut(reached_s, start_s)
        if start_s - reached_s - settings.seam_s * (len(gap) - 1) > settings.hole_s:
            holes.append(Hole(spans=gap))
        kept.append(h)
        reached_s = max(reached_s, end_s)
    return kept, tuple(hole for hole in holes if hole.spans)


def _on_file_clock(chunk: Chunk, heard: Heard) -> Heard:
    """Map a word to file time; a word over a seam stays with the span that holds its middle."""
    word = heard.word
    offset_s = 0.0
    middle_s = (word.start_s + word.end_s) / 2
    for i, span in enumerate(chunk.spans):
        if middle_s < offset_s + span.duration_s or i == len(chunk.spans) - 1:
            start_s = span.start_s + min(max(word.start_s - offset_s, 0.0), span.duration_s)
            end_s = span.start_s + min(max(word.end_s - offset_s, 0.0), span.duration_s)
            break
        offset_s += span.duration_s
    moved = Word(
        text=word.text,
        start_s=start_s,
        end_s=max(start_s, end_s),
        confidence=word.confidence,
        space_before=word.space_before,
    )
    return Heard(word=moved, opens_segment=heard.opens_segment, language=heard.language)
