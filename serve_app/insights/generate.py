"""Texts and study material made out of a text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from serve_app.insights.actions import action_items_of, decisions_of
from serve_app.insights.chapters import chapters_of, listed_chapters
from serve_app.insights.points import main_points
from serve_app.insights.results import Generated, GenerateType, QuizQuestion, Quote
from serve_app.insights.study import flashcards_of, quiz_of, quotes_of
from serve_app.insights.summarize import listed, listed_actions, prose
from serve_app.insights.templates import quoted
from serve_app.insights.work import Work
from serve_app.ports.language import TextDelta

_WRITTEN = {"blog_post": 8, "social_media": 3, "newsletter": 6}  # sentences of the text that stand in at worst


async def generated(work: Work, kind: GenerateType, wish: str = "") -> AsyncGenerator[TextDelta | Generated, None]:
    """Yield content as it is written, then all of it. `wish` is the user's own word on tone, length and reader."""
    if not work.source.segments:
        yield Generated(type=kind)
        return
    style = _wish(wish, work.settings.longest_prompt)
    if kind in _WRITTEN:
        written = ""
        async with aclosing(prose(work, kind, sentences=_WRITTEN[kind], wish=style)) as pieces:
            async for piece in pieces:
                written += piece
                yield TextDelta(text=piece)
        yield Generated(type=kind, content=written.strip())
        return
    if kind in _COMPOSED:
        async with aclosing(_COMPOSED[kind](work, style)) as composed:
            async for event in composed:
                yield event
        return
    result = await _ITEMS[kind](work)
    if result.content:
        yield TextDelta(text=result.content)
    yield result


async def _quotes(work: Work) -> Generated:
    quotes = await quotes_of(work)
    return Generated(type="key_quotes", content="\n\n".join(map(_quoted, quotes)), quotes=quotes)


async def _flashcards(work: Work) -> Generated:
    cards = await flashcards_of(work)
    content = "\n\n".join(f"**{card.question}**\n{card.answer}" for card in cards)
    return Generated(type="flashcards", content=content, flashcards=cards)


async def _quiz(work: Work) -> Generated:
    questions = await quiz_of(work)
    content = "\n\n".join(_asked(n, question) for n, question in enumerate(questions, start=1))
    return Generated(type="quiz", content=content, quiz=questions)


async def _chapters(work: Work) -> Generated:
    chapters = await chapters_of(work)
    return Generated(type="chapter_markers", content=listed_chapters(chapters), chapters=chapters)


async def _show_notes(work: Work, wish: str) -> AsyncGenerator[TextDelta | Generated, None]:
    """Say what it is about, then the chapters and some quotes."""
    written = ""
    async with aclosing(prose(work, "show_notes", sentences=3, wish=wish)) as pieces:
        async for piece in pieces:
            written += piece
            yield TextDelta(text=piece)
    chapters = await chapters_of(work)
    quotes = (await quotes_of(work))[:3]
    rest = _sections(("Chapters", listed_chapters(chapters)), ("Quotes", "\n\n".join(map(_quoted, quotes))))
    yield TextDelta(text=rest)
    yield Generated(type="show_notes", content=(written + rest).strip(), chapters=chapters, quotes=quotes)


async def _meeting_notes(work: Work, wish: str) -> AsyncGenerator[TextDelta | Generated, None]:
    """Sum up, then list the points, the decisions and who does what: only those parts that there are."""
    written = "## Summary\n\n"
    yield TextDelta(text=written)
    async with aclosing(prose(work, "show_notes", sentences=3, wish=wish)) as pieces:
        async for piece in pieces:
            written += piece
            yield TextDelta(text=piece)
    points = await main_points(work)
    decisions = await decisions_of(work)
    actions = await action_items_of(work)
    rest = _sections(
        ("Discussed", listed(points)), ("Decisions", listed(decisions)), ("Action items", listed_actions(actions))
    )
    yield TextDelta(text=rest)
    content = (written + rest).strip()
    yield Generated(type="meeting_notes", content=content, points=points, decisions=decisions, action_items=actions)


async def _study_guide(work: Work, wish: str) -> AsyncGenerator[TextDelta | Generated, None]:
    """List what to know, then questions to test it with."""
    points = await main_points(work)
    first = _sections(("Key points", listed(points))).lstrip()
    yield TextDelta(text=first)
    cards = await flashcards_of(work)
    rest = _sections(("Questions", "\n\n".join(f"**{card.question}**\n{card.answer}" for card in cards)))
    yield TextDelta(text=rest)
    yield Generated(type="study_guide", content=(first + rest).strip(), points=points, flashcards=cards)


_ITEMS: dict[str, Callable[[Work], Awaitable[Generated]]] = {
    "key_quotes": _quotes,
    "flashcards": _flashcards,
    "quiz": _quiz,
    "chapter_markers": _chapters,
}
_COMPOSED: dict[str, Callable[[Work, str], AsyncGenerator[TextDelta | Generated, None]]] = {
    "show_notes": _show_notes,
    "meeting_notes": _meeting_notes,
    "study_guide": _study_guide,
}


def _sections(*sections: tuple[str, str]) -> str:
    return "".join(f"\n\n## {heading}\n\n{body}" for heading, body in sections if body)


def _quoted(quote: Quote) -> str:
    return f"> {quote.text}" + (f"\n> — {quote.speaker}" if quote.speaker else "")


def _asked(number: int, question: QuizQuestion) -> str:
    options = "\n".join(f"   {letter}) {option}" for letter, option in zip("ABCD", question.options, strict=True))
    return f"{number}. {question.question}\n{options}\n   Answer: {'ABCD'[question.answer_index]}"


def _wish(wish: str, longest: int) -> str:
    """Return the sentence of a task that passes a user's wish on; it can change the tone and no more."""
    kept = quoted(wish, longest)
    return f'The reader wishes for this style: "{kept}". It changes the tone, never the facts.' if kept else ""
