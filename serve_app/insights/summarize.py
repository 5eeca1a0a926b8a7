"""A text in fewer words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from serve_app.insights.actions import action_items_of
from serve_app.insights.extracts import central_along, most_central
from serve_app.insights.points import main_points, notes_on, points_of
from serve_app.insights.prose import Gate, checked
from serve_app.insights.results import ActionItem, Point, Style, Summary
from serve_app.insights.vocabulary import tokens
from serve_app.insights.windows import heard, rendered
from serve_app.insights.work import Work
from serve_app.ports.language import TextDelta

_SENTENCES = {"brief": 3, "detailed": 8}
_CENTRAL = 0.7  # of the most central point's worth has one that stands in for a sentence of prose, at least
_SHORT = 400  # characters; what has more is not short, however few its blanks


async def summary_of(work: Work, style: Style) -> AsyncGenerator[TextDelta | Summary, None]:
    """Yield a summary as it is written, then the whole of it."""
    if not work.source.segments:
        yield Summary(style=style)
        return
    result = Summary(style=style)
    if style == "action_items":
        items = await action_items_of(work)
        result = Summary(style=style, summary=listed_actions(items) or "No action items.", action_items=items)
    elif style == "bullet_points":
        points = await _bullets(work)
        result = Summary(style=style, summary=listed(points), points=points)
    else:
        written = ""
        async with aclosing(prose(work, style, sentences=_SENTENCES[style])) as pieces:
            async for piece in pieces:
                written += piece
                yield TextDelta(text=piece)
        yield Summary(style=style, summary=written.strip())
        return
    if result.summary:
        yield TextDelta(text=result.summary)
    yield result


async def prose(work: Work, name: str, *, sentences: int, **values: str) -> AsyncGenerator[str, None]:
    """Yield what the prompt `name` makes of a text, a checked sentence at a time.

    A longer text is read through its windows' points. Where the text bears less than half of the sentences that there
    should be, its own stand in: points of a long one, the most central of another.
    """
    if is_short(work):
        yield work.source.text
        return
    windows = await work.windows()
    points = await points_of(work) if len(windows) > 1 else []
    text = windows[0].text if len(windows) == 1 else await _notes(work, points)
    gate = Gate(
        work.vocabulary,
        same_language=work.same_language,
        attribution=work.attribution,
        proposals=work.proposals,
        passages=work.passages,
        relations=work.relations,
        negations=work.negations,
        splices=work.splices,
    )
    told: list[str] = []
    if text:
        async with aclosing(checked(work.asker.write(text, work.task(name, **values)), gate)) as pieces:
            async for piece in pieces:
                told.append(piece)
                yield piece
    if work.same_language and 2 * len(told) < sentences:
        missing = min(gate.refused, sentences - len(told)) if told else sentences
        own = _own_sentences(work, points, count=missing, beside=told)
        if own:
            yield _continued(told, own)


def is_short(work: Work) -> bool:
    """Tell whether a text has no need of summing up."""
    text = work.source.text
    return work.same_language and len(text) < _SHORT and len(tokens(text)) <= work.settings.short_words


def _own_sentences(work: Work, points: list[Point], *, count: int, beside: Sequence[str]) -> list[str]:
    """Return sentences of a text that say something else, from all its length; of a long one no asides."""
    if not points:
        return most_central(replace(work.source, segments=heard(work.source.segments)), count=count, beside=beside)
    texts = [point.text for point in points]
    return central_along(texts, count=count, text=str, language=work.source.language, beside=beside, least=_CENTRAL)


def _continued(told: Sequence[str], own: Sequence[str]) -> str:
    """Return sentences in the form of those told before: items of a list, paragraphs, or one behind the other."""
    if not told:
        return " ".join(own)
    joint = "\n\n" if any("\n\n" in each for each in told) else " "
    if told[-1].lstrip().startswith("- "):
        joint = "\n- "
    return (joint.lstrip() if told[-1][-1:].isspace() else joint) + joint.join(own)


async def _notes(work: Work, points: list[Point]) -> str:
    """Return the points of a long text, as the text of one window."""
    notes = notes_on(work, points)
    if len(await notes.windows()) > 1:
        notes = notes_on(work, await main_points(work))
    return rendered(notes.source.segments)


async def _bullets(work: Work) -> list[Point]:
    if is_short(work):
        return [
            Point(text=segment.text, segments=[segment.order], start_time=segment.start_s)
            for segment in work.source.segments
        ]
    return await main_points(work)


def listed(points: list[Point]) -> str:
    return "\n".join(f"- {point.text}" for point in points)


def listed_actions(items: list[ActionItem]) -> str:
    """Return action items as a Markdown list."""
    return "\n".join(f"- {item.task}{_of(item)}" for item in items)


def _of(item: ActionItem) -> str:
    details = ", ".join(part for part in (item.owner, item.due) if part)
    return f" ({details})" if details else ""
