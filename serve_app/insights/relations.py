"""Who does what, what comes before what, what is of which kind: right words as no text relates them. English only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

from serve_app.insights.source import SourceText
from serve_app.insights.vocabulary import Vocabulary, content_words, forms, tokens

_TIMES = frozenset({"after", "before", "until"})
_ARTICLES = frozenset({"a", "an", "the", "this", "that", "my", "your", "his", "her", "its", "our", "their"})
_AUXILIARIES = frozenset({"has", "have", "had", "is", "are", "was", "were", "will", "would", "can", "could", "should"})
_REACH = 4  # words behind `after` that tell after what
_LEAST_LETTERS = 4
_COPIED = 4  # words in a row
_BESIDE = 2  # segments of the same speaker on either side that may be about the same thing


class Relations:
    """Knows after and before what a text says things, who does them, what there is one of, and which words it joins."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def broken(self, clause: str) -> bool:
        """Tell whether a clause has a time that no sentence tells, copies a sentence with another subject, makes many
        of one, or joins words that the text has far apart (`thick letters` of a thick sauce and printed letters).
        """
        if self._source.language != "en":
            return False
        words = _keys(clause)
        untold = any(not self._told(*each) for each in _times(words))
        misjoined = any(self._are_apart(*each) for each in _neighbours(clause))
        return untold or misjoined or self._swaps_subject(words) or any(map(self._is_one, _identified(words)))

    def _told(self, time: str, event: Sequence[str]) -> bool:
        return any(self._events[time].has(word) for word in event)

    def _swaps_subject(self, words: Sequence[str]) -> bool:
        subject, predicate = _split(words)
        others = self._subjects.get(tuple(predicate[:_COPIED]), set())
        return bool(subject) and bool(others) and not any(Vocabulary([other]).has(subject) for other in others)

    def _is_one(self, plural: str) -> bool:
        return plural not in self._words and plural.removesuffix("s") in self._words

    def _are_apart(self, left: str, right: str) -> bool:
        one, other = self._near(left), self._near(right)
        return bool(one) and bool(other) and one.isdisjoint(other)

    def _near(self, word: str) -> set[int]:
        return set().union(*(self._places.get(form, ()) for form in forms(word)))

    @cached_property
    def _places(self) -> dict[str, set[int]]:
        """The segments in which each word stands, and those beside them in which the same speaker goes on."""
        found: dict[str, set[int]] = defaultdict(set)
        segments = self._source.segments
        for at, segment in enumerate(segments):
            around = range(max(at - _BESIDE, 0), min(at + _BESIDE + 1, len(segments)))
            near = [other for other in around if segments[other].speaker == segment.speaker]
            for word in content_words(segment.text):
                for form in forms(word):
                    found[form].update(near)
        return found

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word for sentence in self._sentences for word in sentence)

    @cached_property
    def _sentences(self) -> list[list[str]]:
        return [_keys(sentence) for sentence in self._source.sentences]

    @cached_property
    def _events(self) -> dict[str, Vocabulary]:
        """The words behind each word of time."""
        behind: dict[str, list[str]] = {time: [] for time in _TIMES}
        for words in self._sentences:
            for at, word in enumerate(words):
                if word in _TIMES:
                    behind[word] += words[at + 1 : at + 2 + _REACH]
        return {time: Vocabulary(found) for time, found in behind.items()}

    @cached_property
    def _subjects(self) -> dict[tuple[str, ...], set[str]]:
        """Who does what the words of a predicate say; a pronoun may be anybody, so with one of them nobody is known."""
        found: dict[tuple[str, ...], set[str]] = defaultdict(set)
        anybody: set[tuple[str, ...]] = set()
        for words in self._sentences:
            subject, predicate = _split(words)
            for at in range(len(words) - _COPIED + 1):
                key = tuple(words[at : at + _COPIED])
                if subject and tuple(predicate[:_COPIED]) == key:
                    found[key].add(subject)
                else:
                    anybody.add(key)
        return {key: names for key, names in found.items() if key not in anybody}


def _times(words: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each word of time in front of a noun, with the words that tell which."""
    for at, word in enumerate(words[:-2]):
        event = [each for each in words[at + 2 : at + 2 + _REACH] if len(each) >= _LEAST_LETTERS]
        if word in _TIMES and words[at + 1] in _ARTICLES and event:
            yield word, event


def _identified(words: Sequence[str]) -> Iterator[str]:
    """Yield the nouns that some things are said to be, as in `are the guests`."""
    for at, word in enumerate(words[:-2]):
        if word in {"are", "were"} and words[at + 1] == "the" and words[at + 2].endswith("s"):
            yield words[at + 2]


def _neighbours(clause: str) -> Iterator[tuple[str, str]]:
    """Yield the content words that follow one another, names left out: anybody may speak of who was named long ago."""
    for left, right in pairwise(tokens(clause)):
        plain = all(clause[each.start].islower() and len(each.key) >= _LEAST_LETTERS for each in (left, right))
        joined = clause[left.end : right.start] == " " and clause[left.end - 2] not in "'’"
        if plain and joined and content_words(left.key) and content_words(right.key):
            yield left.key, right.key


def _split(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the noun of a subject made of an article and it, and the predicate without auxiliaries; else nothing."""
    if len(words) < 2 or words[0] not in _ARTICLES or len(words[1]) < _LEAST_LETTERS:
        return "", ()
    behind = 2
    while behind < len(words) and words[behind] in _AUXILIARIES:
        behind += 1
    return words[1], words[behind:]


def _keys(text: str) -> list[str]:
    return [token.key for token in tokens(text)]
