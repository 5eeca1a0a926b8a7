"""Named things, told by the language model and found word for word in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from serve_app.insights.shapes import EntitiesShape
from serve_app.insights.source import SourceSegment
from serve_app.insights.vocabulary import tokens
from serve_app.insights.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Characters `start` to `end` of a segment name something."""

    order: int
    start: int
    end: int
    text: str
    kind: str


async def named_by_model(work: Work) -> list[Named]:
    """Return every place where something stands that the model calls a named thing."""
    answers = await work.over_windows("entities", EntitiesShape)
    wanted: dict[str, list[tuple[list[str], str]]] = {}  # by first word
    for shape in (entity for answer in answers for entity in answer.entities):
        keys = [token.key for token in tokens(shape.text)]
        if keys and all(known != keys for known, _ in wanted.get(keys[0], ())):
            wanted.setdefault(keys[0], []).append((keys, shape.type))
    return [named for segment in work.source.segments for named in _named_in(segment, wanted)]


def _named_in(segment: SourceSegment, wanted: dict[str, list[tuple[list[str], str]]]) -> Iterator[Named]:
    said = tokens(segment.text)
    for at, token in enumerate(said):
        for keys, kind in wanted.get(token.key, ()):
            match = said[at : at + len(keys)]
            if [each.key for each in match] == keys:
                text = segment.text[token.start : match[-1].end]
                yield Named(order=segment.order, start=token.start, end=match[-1].end, text=text, kind=kind)
