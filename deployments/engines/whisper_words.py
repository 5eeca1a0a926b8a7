"""From Whisper's tokens and cross-attention alignment to timed words and segments. Plain arithmetic, no model."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.transcript.model import Segment, Word, join_words

TIMESTAMP_STEP_S = 0.02
LAST_MARK = 1500  # 30 s
OPENING_MARKS = frozenset("\"'“¿¡([{-«「『")
CLOSING_MARKS = frozenset("\"'.。,，!！?？:：;；”)]}、»」』…")
SENTENCE_ENDS = frozenset(".。!！?？…")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRun:
    """Text tokens between two timestamp tokens; times are seconds in the window, `end_s` None when never closed."""

    start_s: float
    end_s: float | None
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedWord:
    """A word as split from tokens, with its leading space, and where attention puts it in the window."""

    text: str
    n_tokens: int
    start_s: float
    end_s: float
    probability: float


def mark_index(time_s: float) -> int:
    """Return which timestamp token stands for a time in the window."""
    return min(max(round(time_s / TIMESTAMP_STEP_S), 0), LAST_MARK)


def split_runs(tokens: Sequence[int], *, timestamp_begin: int, end_of_text: int) -> list[TokenRun]:
    """Split decoded tokens at timestamp tokens; runs without text are left out."""
    runs: list[TokenRun] = []
    text: list[int] = []
    start_s = 0.0
    for token in tokens:
        if token < end_of_text:
            text.append(token)
        elif token >= timestamp_begin:
            time_s = (token - timestamp_begin) * TIMESTAMP_STEP_S
            if text:
                runs.append(TokenRun(start_s=start_s, end_s=max(time_s, start_s), tokens=tuple(text)))
                text = []
            start_s = time_s
    if text:
        runs.append(TokenRun(start_s=start_s, end_s=None, tokens=tuple(text)))
    return runs


def after_prefix(
    alignment: Sequence[Mapping[str, Any]], n_prefix: int, *, decode: Callable[[list[int]], str]
) -> list[tuple[Mapping[str, Any], str, int]]:
    """Return (word, text, n_tokens) for what follows `n_prefix` tokens; of a word over the border, the rest."""
    kept: list[tuple[Mapping[str, Any], str, int]] = []
    position = 0
    for word in alignment:
        tokens = list(word["tokens"])
        new = tokens[max(n_prefix - position, 0) :]
        position += len(tokens)
        if new:
            kept.append((word, word["word"] if len(new) == len(tokens) else decode(new), len(new)))
    return kept


def merge_marks(words: Sequence[AlignedWord]) -> list[AlignedWord]:
    """Attach punctuation to its word: opening marks to the next one, closing marks to the one before."""
    merged: list[AlignedWord] = []
    opening: AlignedWord | None = None
    for word in words:
        current = word if opening is None else _glue(opening, word, times=word)
        opening = None
        bare = word.text.strip()
        if word.text.startswith(" ") and bare and all(c in OPENING_MARKS for c in bare):
            opening = current
        elif merged and bare and not word.text.startswith(" ") and all(c in CLOSING_MARKS for c in bare):
            merged[-1] = _glue(merged[-1], current, times=merged[-1])
        else:
            merged.append(current)
    if opening is not None:
        merged.append(opening)
    return merged


def _glue(first: AlignedWord, second: AlignedWord, *, times: AlignedWord) -> AlignedWord:
    return AlignedWord(
        text=first.text + (second.text.lstrip() if times is second else second.text),
        n_tokens=first.n_tokens + second.n_tokens,
        start_s=times.start_s,
        end_s=times.end_s,
        probability=times.probability,
    )


def trim_long_words(words: Sequence[AlignedWord]) -> list[AlignedWord]:
    """Shorten words that swallowed a pause next to a sentence end.

    Attention stretches the word beside a pause over the pause; twice the median duration (at most 1.4 s) is kept,
    the bound that OpenAI's reference implementation uses too.
    """
    durations = sorted(w.end_s - w.start_s for w in words if w.end_s > w.start_s)
    if not durations:
        return list(words)
    longest_s = 2 * min(0.7, durations[len(durations) // 2])
    trimmed: list[AlignedWord] = []
    for i, word in enumerate(words):
        start_s, end_s = word.start_s, word.end_s
        if end_s - start_s > longest_s:
            if word.text[-1:] in SENTENCE_ENDS:
                end_s = start_s + longest_s
            elif i == 0 or words[i - 1].text[-1:] in SENTENCE_ENDS:
                start_s = end_s - longest_s
        trimmed.append(
            AlignedWord(
                text=word.text, n_tokens=word.n_tokens, start_s=start_s, end_s=end_s, probability=word.probability
            )
        )
    return trimmed


def build_segments(
    runs: Sequence[TokenRun], aligned: Sequence[AlignedWord], *, duration_s: float, language: str
) -> tuple[Segment, ...]:
    """Deal the aligned words out to the runs they came from.

    Word times never decrease and lie in [0, duration_s]. Runs without words give no segment.
    """
    segments: list[Segment] = []
    clock_s = 0.0
    words = iter(aligned)
    left = 0  # below zero when a word of the run before took tokens of this one
    for run in runs:
        left += len(run.tokens)
        mine: list[Word] = []
        while left > 0 and (word := next(words, None)) is not None:
            left -= word.n_tokens
            text = word.text.strip()
            if not text:
                continue
            start_s = min(max(word.start_s, clock_s), duration_s)
            clock_s = start_s
            mine.append(
                Word(
                    text=text,
                    start_s=start_s,
                    end_s=min(max(word.end_s, start_s), duration_s),
                    confidence=min(max(word.probability, 0.0), 1.0),
                    space_before=word.text.startswith(" "),
                )
            )
        if mine:
            segments.append(_segment(tuple(mine), language))
    return tuple(segments)


def _segment(words: tuple[Word, ...], language: str) -> Segment:
    return Segment(
        start_s=words[0].start_s,
        end_s=max(w.end_s for w in words),
        text=join_words(words),
        words=words,
        language=language,
        confidence=sum(w.confidence for w in words) / len(words),
    )


def compression_ratio(text: str) -> float:
    """Return bytes / zlib-compressed bytes: above about 2.4 a text repeats itself (Radford et al. 2022)."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 1.0
