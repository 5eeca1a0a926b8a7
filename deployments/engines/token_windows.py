"""Sentences that are longer than a translation model takes: cut between words, and put together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

WORD_START = "▁"  # SentencePiece's mark of a space before a piece


def windows(tokens: Sequence[str], longest: int) -> list[list[str]]:
    """Cut tokens into runs of at most `longest`, before a word's first token where there is one. No tokens: no run."""
    runs, first = [], 0
    while len(tokens) - first > longest:
        cut = next(
            (at for at in range(first + longest, first + longest // 2, -1) if tokens[at].startswith(WORD_START)),
            first + longest,
        )
        runs.append(list(tokens[first:cut]))
        first = cut
    if first < len(tokens):
        runs.append(list(tokens[first:]))
    return runs


def joined(cut: Sequence[Sequence[Sequence[str]]], texts: Iterator[str]) -> list[str]:
    """Return one text for each sentence: those of its runs, which come in order."""
    return [" ".join(next(texts).strip() for _ in runs) for runs in cut]
