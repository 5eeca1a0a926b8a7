"""The main points of a text of any length, each with the segments that say it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

from serve_app.insights.results import Point
from serve_app.insights.shapes import points_shape
from serve_app.insights.source import SourceSegment, SourceText, sentences_of
from serve_app.insights.vocabulary import content_words, forms, tokens
from serve_app.insights.work import Work

T = TypeVar("T")

_WANTED = 16  # of a text, as far as its windows share them out evenly
_ENOUGH = 20  # are not drawn together any further
_PER_WINDOW = (2, 8)  # at least and at most
_SAME = 0.6  # shared content words of two statements of one thing
_MOST_LEVELS = 4
_LEAST_WORDS = 2  # that say something, in a point
# English words with which no statement begins or ends, and others that end none.
_GO_ON = frozenset({"and", "or", "than", "of", "who", "which", "whom", "whose"})
_LEAD_ON = frozenset({"a", "an", "the", "but", "because", "if", "is", "was", "are", "were"})
_SUBORDINATE = re.compile(
    r"(?:as(?! an?\b| of\b| for\b)|although|because|if|though|unless|when|while)\b[^,;:]*$", re.IGNORECASE
)
_AMONG_NAMES = frozenset({"and", "or", "of", "the", "in", "at", "by", "for", "to"})


async def points_of(work: Work) -> list[Point]:
    """Return the points of every window, in the text's order, without those that no segment bears."""
    least, most = _PER_WINDOW
    per_window = min(max(-(-_WANTED // max(len(await work.windows()), 1)), least), most)
    answers = await work.over_windows("points", points_shape(per_window), most=str(per_window))
    points = []
    for answer in answers:
        for point in answer.points:
            orders = work.cited(point.text, point.segments)
            if (
                orders
                and _is_whole(point.text, language=work.source.language)
                and not _goes_in_circles(work, point.text, orders)
            ):
                points.append(Point(text=point.text.strip(), segments=orders, start_time=work.start_of(orders)))
    points.sort(key=lambda point: point.segments[0])
    return distinct(points, text=lambda point: point.text)


def _is_whole(text: str, *, language: str | None) -> bool:
    """Tell a statement from a question and from a piece of speech that was copied as it broke off."""
    asks = any(sentence.rstrip().endswith("?") for sentence in sentences_of(text))
    if asks or len(content_words(text)) < _LEAST_WORDS:
        return False
    if language != "en":
        return True
    words = [token.key for token in tokens(text)]
    begins_or_ends_inside = words[0] in _GO_ON or words[-1] in _GO_ON | _LEAD_ON
    return not (begins_or_ends_inside or _SUBORDINATE.match(text.strip()) or _only_names(text))


def _only_names(text: str) -> bool:
    """Tell whether all words have capital letters, as in `London, Longman and Co.`, where none has all of them."""
    plain = (token.key for token in tokens(text) if text[token.start].islower())
    return not text.isupper() and all(word in _AMONG_NAMES for word in plain)


def _goes_in_circles(work: Work, text: str, orders: Sequence[int]) -> bool:
    """Tell whether two words stand together twice that the text has once: `the den was named after the den`."""
    told = " ".join(segment.text for order in orders if (segment := work.source.get(order)))
    in_text = Counter(pairwise(content_words(told)))
    pairs = Counter(pairwise(content_words(text)))
    return work.same_language and any(count > max(in_text[pair], 1) for pair, count in pairs.items())


async def main_points(work: Work) -> list[Point]:
    """Return twenty points at most, as a rule: those of a long text are drawn from its windows' points."""
    points = await points_of(work)
    for _ in range(_MOST_LEVELS):
        if len(points) <= _ENOUGH:
            break
        notes = notes_on(work, points)
        work = notes
        fewer = [
            Point(text=point.text, segments=orders, start_time=point.start_time)
            for point in await points_of(notes)
            if (orders := sorted({order for note in point.segments for order in points[note - 1].segments}))
        ]
        if not 0 < len(fewer) < len(points):
            break
        points = fewer
    return points


def notes_on(work: Work, points: list[Point]) -> Work:
    """Return work on the points, as a text whose segments they are."""
    segments = tuple(
        SourceSegment(order=order, text=point.text, start_s=point.start_time)
        for order, point in enumerate(points, start=1)
    )
    source = SourceText(segments=segments, language=work.language or work.source.language)
    return replace(work, source=source, progress=None)


def spread(items: list[T], most: int) -> list[T]:
    """Return at most so many items, from the whole length of the list."""
    if len(items) <= most:
        return items
    return [items[at * len(items) // most] for at in range(most)]


def distinct(items: Iterable[T], *, text: Callable[[T], str]) -> list[T]:
    """Leave out what an earlier item says in nearly the same words, as overlapping windows do."""
    kept: list[tuple[T, frozenset[str]]] = []
    for item in items:
        words = frozenset(forms(word)[-1] for word in content_words(text(item))) or frozenset({text(item)})
        if all(len(words & other) < _SAME * len(words | other) for _, other in kept):
            kept.append((item, words))
    return [item for item, _ in kept]
