"""The main points of a text of any length, each with the segments that say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

from serve_app.insights.coverage import untold
from serve_app.insights.extracts import drawn_from
from serve_app.insights.results import Point
from serve_app.insights.shapes import points_shape
from serve_app.insights.source import SourceSegment, SourceText
from serve_app.insights.statements import are_cased, is_statement, leans
from serve_app.insights.vocabulary import content_words, forms, meaningful_words
from serve_app.insights.work import Work

T = TypeVar("T")

_WANTED = 16  # of a text, as far as its windows share them out evenly
_MOST = 20  # are told of a text of any length
_PER_WINDOW = (2, 8)  # at least and at most
_SAME = 0.6  # shared content words of two statements of one thing


async def points_of(work: Work) -> list[Point]:
    """Return the points of every window, in the text's order, without those that no segment bears.

    Those of a long text stand alone, and what they leave out has sentences of the text's own.
    """
    least, most = _PER_WINDOW
    per_window = min(max(-(-_WANTED // max(len(await work.windows()), 1)), least), most)
    answers = await work.over_windows("points", points_shape(per_window), most=str(per_window))
    points = []
    for answer in answers:
        for point in answer.points:
            orders = work.cited(point.text, point.segments)
            if (
                orders
                and is_statement(point.text, language=work.source.language)
                and not _goes_in_circles(work, point.text, orders)
            ):
                points.append(Point(text=point.text.strip(), segments=orders, start_time=work.start_of(orders)))
    points = await work.whole(points, text=lambda point: point.text)
    if points and len(answers) > 1:
        cased = are_cased(work.source.sentences)
        points = [each for each in points if not leans(each.text, language=work.language, cased=cased)] or points
        points += await untold(work, points)
    points.sort(key=lambda point: point.segments[0])
    return distinct(points, text=lambda point: point.text)


def _goes_in_circles(work: Work, text: str, orders: Sequence[int]) -> bool:
    """Tell whether two words stand together twice that the text has once: `the den was named after the den`."""
    told = " ".join(segment.text for order in orders if (segment := work.source.get(order)))
    in_text = Counter(pairwise(meaningful_words(told)))
    pairs = Counter(pairwise(meaningful_words(text)))
    return work.same_language and any(count > max(in_text[pair], 1) for pair, count in pairs.items())


async def main_points(work: Work) -> list[Point]:
    """Return twenty points at most: of those of a long text, in each stretch the one that the others repeat most."""
    points = await points_of(work)
    return drawn_from(points, most=_MOST, text=lambda point: point.text, language=work.source.language)


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
