"""Where a quotation stands in a text, word for word."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from serve_app.insights.source import SourceText
from serve_app.insights.vocabulary import Token, tokens

_FEWEST_WORDS = 3  # fewer stand anywhere
_MOST_SEGMENTS = 3
_CLOSING = ".,!?…;:)]\"'”’。！？"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """What the segments say, letter by letter."""

    text: str
    orders: tuple[int, ...]


class QuoteFinder:
    """Finds quotations of a text; case, punctuation and blanks of what is looked for do not matter."""

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self._words: list[tuple[int, Token]] = [
            (index, token) for index, segment in enumerate(source.segments) for token in tokens(segment.text)
        ]
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, (_, token) in enumerate(self._words):
            self._places[token.key].append(place)

    def find(self, quote: str, *, near: int | None = None) -> Quotation | None:
        """Return the quotation as it stands nearest to the segment `near`; None if nobody said so.

        It is of at least three words, within one speaker's speech, over at most three segments.
        """
        keys = [token.key for token in tokens(quote)]
        if len(keys) < _FEWEST_WORDS:
            return None
        rarest = min(range(len(keys)), key=lambda at: len(self._places.get(keys[at], ())))
        starts = [place - rarest for place in self._places.get(keys[rarest], ())]
        matches = [start for start in starts if start >= 0 and self._matches(start, keys)]
        if not matches:
            return None
        return self._quotation(min(matches, key=lambda start: self._distance(start, near)), len(keys))

    def _matches(self, start: int, keys: list[str]) -> bool:
        words = self._words[start : start + len(keys)]
        if [token.key for _, token in words] != keys:
            return False
        segments = {index for index, _ in words}
        speakers = {self._source.segments[index].speaker for index in segments}
        return len(segments) <= _MOST_SEGMENTS and len(speakers) == 1

    def _distance(self, start: int, near: int | None) -> int:
        order = self._source.segments[self._words[start][0]].order
        return abs(order - near) if near is not None else 0

    def _quotation(self, start: int, count: int) -> Quotation:
        spans: dict[int, list[int]] = {}
        for index, token in self._words[start : start + count]:
            spans.setdefault(index, [token.start, token.end])[1] = token.end
        parts = []
        for index, (first, last) in spans.items():
            text = self._source.segments[index].text
            closing = len(text[last:]) - len(text[last:].lstrip(_CLOSING))
            parts.append(text[first : last + closing])
        orders = tuple(self._source.segments[index].order for index in spans)
        return Quotation(text=" ".join(parts), orders=orders)
