"""A long text's own sentences for what no point tells of: small models leave out whole subjects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from serve_app.insights.extracts import central_along
from serve_app.insights.results import Point
from serve_app.insights.source import SourceSegment, sentences_of
from serve_app.insights.statements import are_cased, is_statement, leans
from serve_app.insights.vocabulary import tokens
from serve_app.insights.windows import heard
from serve_app.insights.work import Work

_STRETCHES = 12  # of a text; as much as one of them should not be without a point
_WORDS = range(6, 61)  # of a sentence that says enough by itself, and is no run of speech without full stops


async def untold(work: Work, points: Sequence[Point]) -> list[Point]:
    """Return the most central sentences of each stretch that no point cites; none between languages.

    Each has a main clause, does not lean on the one before it, and says what no point says.
    """
    if not work.same_language:
        return []
    segments = heard(work.source.segments)
    per_sentence = max(_length(segments), 1) / _STRETCHES
    stretches = [(each, round(_length(each) / per_sentence)) for each in _between(segments, points)]
    alone = await _standing_alone(work, [segment for stretch, count in stretches if count for segment in stretch])
    found: list[Point] = []
    for stretch, count in stretches:
        chosen = central_along(
            [(segment.order, text) for segment in stretch for text in alone.get(segment.order, ())],
            count=count,
            text=lambda each: each[1],
            language=work.source.language,
            beside=[point.text for point in (*points, *found)],
        )
        found += [Point(text=text, segments=[order], start_time=work.start_of([order])) for order, text in chosen]
    return found


def _length(segments: Iterable[SourceSegment]) -> int:
    return sum(len(segment.text) for segment in segments)


def _between(segments: Sequence[SourceSegment], points: Iterable[Point]) -> list[list[SourceSegment]]:
    """Return the stretches of segments that no point cites."""
    told = {order for point in points for order in point.segments}
    runs = groupby(segments, key=lambda segment: segment.order in told)
    return [list(run) for is_told, run in runs if not is_told]


async def _standing_alone(work: Work, segments: Sequence[SourceSegment]) -> dict[int, list[str]]:
    """Return the sentences of each segment that a reader understands without the others."""
    language = work.source.language
    cased = are_cased(work.source.sentences)
    sentences = [
        (segment.order, sentence)
        for segment in segments
        for sentence in sentences_of(segment.text)
        if len(tokens(sentence)) in _WORDS
        and is_statement(sentence, language=language)
        and not leans(sentence, language=language, cased=cased)
    ]
    alone: dict[int, list[str]] = {}
    for order, sentence in await work.whole(sentences, text=lambda each: each[1]):
        alone.setdefault(order, []).append(sentence)
    return alone
