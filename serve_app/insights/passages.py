"""Which words of a text stand near one another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from serve_app.insights.vocabulary import content_words, forms, tokens

_REACH = 1  # segments before and behind


class Passages:
    """Knows the segments in which each word of a text stands."""

    def __init__(self, segments: Iterable[str]) -> None:
        self._places: dict[str, set[int]] = defaultdict(set)
        for place, text in enumerate(segments):
            for token in tokens(text):
                for form in forms(token.key):
                    self._places[form].update(range(place - _REACH, place + _REACH + 1))

    def share(self, statement: str) -> float:
        """Return how many of a statement's content words three neighbouring segments have at most, 0..1.

        What has fewer than three such words stands anywhere: 1.
        """
        words = content_words(statement)
        if len(words) < 3:
            return 1.0
        found = Counter(place for word in words for place in self._near(word))
        return max(found.values(), default=0) / len(words)

    def _near(self, word: str) -> set[int]:
        return set().union(*(self._places.get(form, ()) for form in forms(word)))
