"""Sentences put together from pieces that a text has word for word, but nowhere one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise, takewhile

from serve_app.insights.source import SourceText, sentences_of
from serve_app.insights.vocabulary import tokens

_COPIED = 5  # words in a row that are no chance
_REACH = 2  # segments further on, in which who was interrupted goes on

Words = tuple[str, ...]


class Splices:
    """Knows in which segments each few words in a row begin."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def made(self, statement: str) -> bool:
        """Tell whether a sentence has two copied pieces side by side of which neither follows the other in the text.

        So small models complete a sentence that was broken off: with the end of another.
        """
        return any(map(self._is_spliced, sentences_of(statement)))

    def _is_spliced(self, sentence: str) -> bool:
        words = _keys(sentence)
        touching = ((one, other) for one, other in pairwise(self._pieces(words)) if one.stop == other.start)
        return any(
            not self._follows(tuple(words[one.stop - _COPIED : one.stop]), tuple(words[other.start :][:_COPIED]))
            for one, other in touching
        )

    def _pieces(self, words: Sequence[str]) -> Iterator[range]:
        """Yield where the copied pieces of a sentence are, from its beginning, each as long as it can be."""
        at = 0
        while at <= len(words) - _COPIED:
            places = self._places.get(tuple(words[at : at + _COPIED]), ())
            end = at + max(
                (_common(words[at:], self._words[place : place + len(words)]) for place in places), default=0
            )
            if end > at:
                yield range(at, end)
            at = max(end, at + 1)

    def _follows(self, before: Words, after: Words) -> bool:
        firsts = {self._segment[place] for place in self._places[before]}
        return any(0 <= self._segment[place] - first <= _REACH for place in self._places[after] for first in firsts)

    @cached_property
    def _words(self) -> list[str]:
        return [word for segment in self._source.segments for word in _keys(segment.text)]

    @cached_property
    def _segment(self) -> list[int]:
        """The number of the segment of each word."""
        return [at for at, segment in enumerate(self._source.segments) for _ in _keys(segment.text)]

    @cached_property
    def _places(self) -> dict[Words, list[int]]:
        found: dict[Words, list[int]] = defaultdict(list)
        for at in range(len(self._words) - _COPIED + 1):
            found[tuple(self._words[at : at + _COPIED])].append(at)
        return found


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many words two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))


def _keys(text: str) -> list[str]:
    return [token.key for token in tokens(text)]
