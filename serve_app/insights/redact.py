"""Personal data replaced by typed placeholders: the same value has the same one throughout."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace

from serve_app.insights.naming import named_by_model
from serve_app.insights.persons import missed_persons
from serve_app.insights.results import Redacted, RedactedSegment, Redaction
from serve_app.insights.work import Work
from serve_app.ports.text_tools import PiiFinder, TextSpan, TextTools, apart
from serve_app.transcript.model import Transcript
from serve_app.transcript.replacing import Replacement, replaced


class Placeholders:
    """Gives placeholders out: [PERSON_1] for the first person, the same one whenever the same name comes again."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], str] = {}
        self._last: dict[str, int] = defaultdict(int)

    def for_value(self, kind: str, value: str) -> str:
        key = (kind, "".join(value.casefold().split()))
        if key not in self._of:
            self._last[kind] += 1
            self._of[key] = f"[{kind}_{self._last[kind]}]"
        return self._of[key]


def redacted(text: str, spans: list[TextSpan], placeholders: Placeholders) -> tuple[str, list[str]]:
    """Return a text with its spans replaced, and the placeholders put in."""
    parts, used, at = [], [], 0
    for span in sorted(spans, key=lambda span: span.start):
        used.append(placeholders.for_value(span.kind, text[span.start : span.end]))
        parts += [text[at : span.start], used[-1]]
        at = span.end
    return "".join([*parts, text[at:]]), used


async def redaction_of(work: Work, tools: TextTools) -> Redaction:
    """Return the text without personal data. Where no tool knows the language, the model tells who is named."""
    segments = work.source.segments
    texts = [segment.text for segment in segments]
    spans = await _spans(work, tools.pii, texts)
    placeholders = Placeholders()
    counts: dict[str, int] = defaultdict(int)
    places: dict[str, list[int]] = defaultdict(list)
    clean = []
    for segment, found in zip(segments, spans, strict=True):
        text, used = redacted(segment.text, found, placeholders)
        clean.append(RedactedSegment(segment=segment.order, text=text))
        for placeholder in used:
            counts[placeholder] += 1
            places[placeholder].append(segment.order)
    return Redaction(
        text=" ".join(segment.text for segment in clean),
        entities=[
            Redacted(
                placeholder=placeholder,
                type=placeholder.strip("[]").rpartition("_")[0],
                count=count,
                segments=sorted(set(places[placeholder])),
            )
            for placeholder, count in counts.items()
        ],
        segments=clean,
    )


async def redacted_transcript(work: Work, tools: TextTools, transcript: Transcript) -> Transcript:
    """Return a transcript, the one that the work's source was made from, without personal data; times stay."""
    orders = [segment.order for segment in work.source.segments]
    texts = [transcript.segments[order - 1].text for order in orders]
    spans = dict(zip(orders, await _spans(work, tools.pii, texts), strict=True))
    placeholders = Placeholders()
    segments = []
    for order, segment in enumerate(transcript.segments, start=1):
        put_in = [
            Replacement(
                start=span.start,
                end=span.end,
                text=placeholders.for_value(span.kind, segment.text[span.start : span.end]),
            )
            for span in sorted(spans.get(order, []), key=lambda span: span.start)
        ]
        segments.append(replaced(segment, put_in))
    return replace(transcript, segments=tuple(segments))


async def _spans(work: Work, tool: PiiFinder | None, texts: list[str]) -> list[list[TextSpan]]:
    language = work.source.language
    found = await asyncio.to_thread(tool.find_pii, texts, language=language) if tool else [[] for _ in texts]
    if texts and (tool is None or language not in tool.languages):
        found = [[*one, *other] for one, other in zip(found, await _names(work), strict=True)]
    missed = missed_persons(texts, found)
    return [apart([*spans, *more]) for spans, more in zip(found, missed, strict=True)]


async def _names(work: Work) -> list[list[TextSpan]]:
    """Return where persons are named, as the language model tells them."""
    places: dict[int, list[TextSpan]] = defaultdict(list)
    for named in await named_by_model(work):
        if named.kind == "PERSON":
            places[named.order].append(TextSpan(start=named.start, end=named.end, kind="PERSON", score=0.5))
    return [places[segment.order] for segment in work.source.segments]
