"""Transcripts in another language, at the times of the original.

Recognizers end segments at breaths. Translated one by one, halves of sentences come out wrong; so segments are
translated together up to the end of a sentence, and the translation is shared out over them by length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from serve_app.transcript.model import Segment, Transcript, Word, join_words
from serve_app.translation.service import AUTO, Translation

_ENDS = (".", "!", "?", "…", "。", "！", "？", "।", "؟", '."', '!"', '?"', ".”", "?”", "!”")
_UNSPACED = {"zh", "ja", "th", "lo", "my", "km", "yue"}
_LETTERS = re.compile(r"[!-\u024f]+|[^!-\u024f][\u0300-\u036f\u0e31-\u0e4e、。，．！？：；）」』”]*")
_MOST_CHARS = 400
_LONGEST_PAUSE_S = 2.0

Token = tuple[str, bool]  # a word, and whether a space precedes it


async def translate_transcript(transcript: Transcript, translation: Translation, *, target: str) -> Transcript:
    """Translate what is said; segments keep their number, order, times and speakers."""
    segments = await translate_segments(
        transcript.segments, translation, target=target, source=transcript.language or AUTO
    )
    return replace(transcript, segments=segments, language=segments[0].language if segments else transcript.language)


async def translate_segments(
    segments: Sequence[Segment], translation: Translation, *, target: str, source: str = AUTO
) -> tuple[Segment, ...]:
    """Translate segments; each keeps its place, times and speaker. Words have times by their length.

    A segment's own language counts before `source`. Raises UnsupportedPair.
    """
    done: dict[int, Segment] = {}
    for language in dict.fromkeys(segment.language or source for segment in segments):
        chosen = [(at, s) for at, s in enumerate(segments) if (s.language or source) == language]
        runs = list(_sentences(chosen))
        answer = await translation.translate(
            [_joined([s for _, s in run]) for run in runs], target=target, source=language
        )
        for run, text, spoken in zip(runs, answer.texts, answer.sources, strict=True):
            if spoken == answer.target:  # its words have times of their own
                done |= dict(run)
                continue
            tokens = tokens_of(text, spaced=answer.target not in _UNSPACED)
            parts = share_out(tokens, [len(s.text) for _, s in run])
            done |= {at: _said(s, part, answer.target) for (at, s), part in zip(run, parts, strict=True)}
    return tuple(done[at] for at in range(len(segments)))


def _sentences(segments: Sequence[tuple[int, Segment]]) -> Iterator[list[tuple[int, Segment]]]:
    """Yield neighbours of one speaker that belong to one sentence."""
    run: list[tuple[int, Segment]] = []
    for at, segment in segments:
        if run and not _goes_on(run, at, segment):
            yield run
            run = []
        run.append((at, segment))
    if run:
        yield run


def _goes_on(run: Sequence[tuple[int, Segment]], at: int, segment: Segment) -> bool:
    last_at, last = run[-1]
    return (
        at == last_at + 1
        and segment.speaker == last.speaker
        and segment.start_s - last.end_s <= _LONGEST_PAUSE_S
        and not last.text.rstrip().endswith(_ENDS)
        and sum(len(s.text) for _, s in run) + len(segment.text) <= _MOST_CHARS
    )


def _joined(segments: Sequence[Segment]) -> str:
    """Return a run's text on one line, spaced as its words are."""
    text = ""
    for segment in segments:
        gap = "" if segment.words and not segment.words[0].space_before else " "
        text += gap + " ".join(segment.text.split())
    return text.strip()


def share_out(tokens: Sequence[Token], weights: Sequence[int]) -> list[list[Token]]:
    """Part tokens into as many runs as there are weights, about as long as they say.

    Put together the runs are the tokens. With tokens enough no run is empty whose weight is not.
    """
    total, chars = sum(weights) or 1, sum(len(text) for text, _ in tokens) or 1
    ends = [sum(weights[: n + 1]) / total for n in range(len(weights))]
    runs: list[list[Token]] = [[] for _ in weights]
    seen, at = 0, 0
    for left, token in zip(range(len(tokens), 0, -1), tokens, strict=True):
        middle = (seen + len(token[0]) / 2) / chars
        while at < len(weights) - 1 and _moves_on(runs[at], middle > ends[at], left, weights[at:]):
            at += 1
        runs[at].append(token)
        seen += len(token[0])
    return runs


def _moves_on(run: Sequence[Token], beyond: bool, left: int, weights: Sequence[int]) -> bool:
    """Return whether the next of the tokens `left` goes to the next segment; `weights` begin with this one's."""
    if not weights[0]:
        return True
    if not run:  # a segment that said something says something
        return False
    return beyond or left <= sum(1 for weight in weights[1:] if weight)


def tokens_of(text: str, *, spaced: bool) -> list[Token]:
    """Return a text's words, each with whether a space precedes it; letters where words are not set apart."""
    found: list[Token] = []
    for chunk in text.split():
        parts = [chunk] if spaced else _LETTERS.findall(chunk)
        found += [(part, (spaced or bool(found)) and not n) for n, part in enumerate(parts)]
    return found


def _said(segment: Segment, tokens: Sequence[Token], language: str) -> Segment:
    chars, duration_s = sum(len(text) for text, _ in tokens) or 1, segment.end_s - segment.start_s
    words: list[Word] = []
    seen = 0
    for text, space_before in tokens:
        start_s = segment.start_s + duration_s * seen / chars
        seen += len(text)
        words.append(
            Word(
                text=text,
                start_s=start_s,
                end_s=segment.start_s + duration_s * seen / chars,
                confidence=segment.confidence,
                speaker=segment.speaker,
                space_before=space_before,
            )
        )
    return replace(segment, text=join_words(tuple(words)), words=tuple(words), language=language)
