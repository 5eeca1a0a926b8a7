"""Which words of a text stand near one another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

from serve_app.insights.vocabulary import Vocabulary, content_words, forms, tokens

_LEAST_WORDS = 3  # what has fewer may stand anywhere
_LEAST_DIGITS = 2  # `one` is a number too, and stands for anything


class Passages:
    """Knows the segments in which each word and number of a text stands; `reach`: those on either side count as one."""

    def __init__(self, segments: Iterable[str], *, reach: int = 1) -> None:
        self._places: dict[str, set[int]] = defaultdict(set)
        self._numbers: dict[str, set[int]] = defaultdict(set)
        self._pairs: set[tuple[str, str]] = set()
        for place, text in enumerate(segments):
            self._pairs.update(pairwise(forms(word)[-1] for word in content_words(text)))
            near = range(place - reach, place + reach + 1)
            for token in tokens(text):
                for form in forms(token.key):
                    self._places[form].update(near)
            for number in Vocabulary([text]).numbers:
                self._numbers[number].update(near)

    def share(self, statement: str) -> float:
        """Return how many of a statement's content words stand near one another at most, and near its numbers, 0..1.

        What has fewer than three such words and no number stands anywhere: 1.
        """
        dated = any(len(number) >= _LEAST_DIGITS for number in Vocabulary([statement]).numbers)
        few = len(content_words(statement)) < (1 if dated else _LEAST_WORDS)
        return 1.0 if few else self.best(statement)[0]

    def best(self, statement: str) -> tuple[float, list[int]]:
        """Return the largest share of a statement's content words that one place has, 0..1, and the places that do.

        Where it has numbers, only places near one of them count.
        """
        words = content_words(statement)
        numbers = [number for number in Vocabulary([statement]).numbers if len(number) >= _LEAST_DIGITS]
        dated = set().union(*(self._numbers.get(number, ()) for number in numbers))
        found = Counter(place for word in words for place in self._near(word) if place in dated or not numbers)
        most = max(found.values(), default=0)
        return most / max(len(words), 1), [place for place, count in found.items() if count == most]

    def joins(self, clause: str) -> bool:
        """Tell whether a clause mixes two places: what its best one lacks is, side by side, another one's.

        `Letters in exact imitation of Roman ones`, of letters in exact imitation of writing and letters that are Roman.
        """
        words = content_words(clause)
        _, places = self.best(clause)
        return bool(places) and all(self._lacks_a_pair(words, place) for place in places)

    def _lacks_a_pair(self, words: list[str], place: int) -> bool:
        pairs = ((one, other) for one, other in pairwise(words) if (forms(one)[-1], forms(other)[-1]) in self._pairs)
        return any(place not in self._near(one) and place not in self._near(other) for one, other in pairs)

    def _near(self, word: str) -> set[int]:
        return set().union(*(self._places.get(form, ()) for form in forms(word)))
