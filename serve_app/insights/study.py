"""Quotes, flashcards and quiz questions, each borne by the segments it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil

from serve_app.insights.excerpt import excerpt_of
from serve_app.insights.extracts import drawn_from
from serve_app.insights.points import distinct, spread
from serve_app.insights.results import Flashcard, QuizQuestion, Quote
from serve_app.insights.shapes import CardsShape, QuizShape, QuizzesShape, QuotesShape
from serve_app.insights.source import SourceSegment
from serve_app.insights.vocabulary import SPEAKER_LABEL, Vocabulary, alike, content_words, tokens
from serve_app.insights.work import Work

_SAME_ANSWER = 0.8
_ANSWER_SUPPORT = 0.75  # of an answer's content words must be in the segments: it is short, and all there is to learn
_LONGEST_ANSWER = 140  # characters; what is longer is the text again, and nothing that can be learned by heart
_LONGEST_NAME = 6  # words
_NAMED_AGAIN = 3  # words of the question with which an answer begins
_ASKS_NAME = re.compile(r"\bnames? of\b|\bcalled\b", re.IGNORECASE)
_POINTS_AT = re.compile(r"\b(?:this|these|those|here|it|he|she|him|they|them)\W*$", re.IGNORECASE)
_IS = re.compile(r"what (is|are|was|were) (.+)", re.IGNORECASE)
_VERDICTS = frozenset({"yes", "no", "true", "false", "maybe", "not sure"})  # with these, three of four are no options


async def quotes_of(work: Work) -> list[Quote]:
    """Return what somebody said, letter by letter, in the text's order."""
    excerpt = await excerpt_of(work)
    answers = await excerpt.over_windows("quotes", QuotesShape, most=await _share(excerpt))
    found = []
    for shape in (quote for answer in answers for quote in answer.quotes):
        quotation = work.quotes.find(shape.quote, near=shape.segment)
        if quotation is not None:
            orders = list(quotation.orders)
            found.append(
                Quote(
                    text=quotation.text,
                    segments=orders,
                    speaker=work.speaker_of(orders[0]),
                    start_time=work.start_of(orders),
                )
            )
    found.sort(key=lambda quote: quote.segments[0])
    whole = await work.whole(found, text=lambda quote: quote.text)
    different = distinct(whole, text=lambda quote: quote.text)
    return drawn_from(
        different, most=work.settings.most_items, text=lambda quote: quote.text, language=work.source.language
    )


async def flashcards_of(work: Work) -> list[Flashcard]:
    excerpt = await excerpt_of(work)
    answers = await excerpt.over_windows("flashcards", CardsShape, most=await _share(excerpt))
    found = [
        Flashcard(question=shape.question.strip(), answer=shape.answer.strip(), segments=orders)
        for answer in answers
        for shape in answer.cards
        if (orders := _borne(work, shape.question, shape.answer, shape.segments))
    ]
    return spread(distinct(found, text=lambda card: card.question), work.settings.most_items)


async def quiz_of(work: Work) -> list[QuizQuestion]:
    """Return questions of four different options, of which the text bears the right one."""
    excerpt = await excerpt_of(work)
    answers = await excerpt.over_windows("quiz", QuizzesShape, most=await _share(excerpt))
    found = [
        question
        for answer in answers
        for shape in answer.questions
        if (question := _quiz_question(work, shape)) is not None
    ]
    return spread(distinct(found, text=lambda question: question.question), work.settings.most_items)


def _quiz_question(work: Work, shape: QuizShape) -> QuizQuestion | None:
    right = shape.right_answer.strip()
    wrong = [answer.strip() for answer in shape.wrong_answers]
    orders = _borne(work, shape.question, right, shape.segments)
    options = {option.casefold() for option in (right, *wrong) if option}
    if not orders or len(options) != 4 or options & _VERDICTS:
        return None
    if any(alike(right, other) > _SAME_ANSWER or _is_part(other, right) for other in wrong):
        return None
    place = sum(map(ord, shape.question)) % 4  # the same quiz each time, its right answers in no pattern
    return QuizQuestion(
        question=shape.question.strip(),
        options=[*wrong[:place], right, *wrong[place:]],
        answer_index=place,
        segments=orders,
    )


def _is_part(one: str, other: str) -> bool:
    """Tell whether an answer only says more than another, so that both are right or neither."""
    left, right = ({token.key for token in tokens(each)} for each in (one, other))
    return left <= right or right <= left


def _borne(work: Work, question: str, answer: str, orders: Sequence[int]) -> list[int]:
    """Return the segments, cited or next to them, each of which bears a question and its answer.

    One may also bear the answer alone, behind somebody who asks. None does where the answer says nothing but the
    question again, or who speaks, or is long. Two facts do not answer each other.
    """
    if len(answer) > _LONGEST_ANSWER or SPEAKER_LABEL.fullmatch(answer.strip(" .")):
        return []
    asked = Vocabulary([question])
    words = [*content_words(answer), *Vocabulary([answer]).numbers] or [token.key for token in tokens(answer)]
    if not content_words(question) or all(asked.has(word) or word in asked.numbers for word in words):
        return []
    if work.source.language == "en" and not _fits(question, answer):
        return []
    cited = work.cited(f"{question} {answer}", orders)
    nearby = {each.order for order in cited for each in work.source.around(order, before=1, after=1)}
    return [
        order
        for order in sorted(nearby)
        if work.has(question, _asked_beside(work, order))
        and work.has(answer, work.source.around(order, before=0, after=0), share=_ANSWER_SUPPORT)
        and work.cited(answer, [order])
    ]


def _fits(question: str, answer: str) -> bool:
    """Tell whether an English answer can be one: a name is short, and a thing named again is not told.

    Nothing answers what nobody understands without the text: `What type of book is this?`
    """
    said = [token.key for token in tokens(answer)]
    if _POINTS_AT.search(question):
        return False
    if _ASKS_NAME.search(question) and len(said) > _LONGEST_NAME:
        return False
    asked = _IS.match(question.strip())
    if asked is None or asked[1].casefold() in said:
        return True
    thing = [token.key for token in tokens(asked[2])]
    return said[:_NAMED_AGAIN] != thing[:_NAMED_AGAIN]


def _asked_beside(work: Work, order: int) -> list[SourceSegment]:
    """Return a segment, and the one before it where that asks something."""
    nearby = work.source.around(order, before=1, after=0)
    return [each for each in nearby if each.order == order or "?" in each.text]


async def _share(work: Work) -> str:
    """Return how many items one window is asked for, more than needed, since some will not stand."""
    windows = len(await work.windows())
    return str(min(max(ceil(1.5 * work.settings.most_items / max(windows, 1)), 2), 8))
