"""The questions that are asked in a text, and where it answers them."""

from __future__ import annotations

import re

from serve_app.insights.results import Question
from serve_app.insights.shapes import AnswerShape
from serve_app.insights.source import sentences_of
from serve_app.insights.templates import quoted
from serve_app.insights.vocabulary import alike, tokens
from serve_app.insights.windows import rendered
from serve_app.insights.work import Work

_MARK = re.compile(r"[?？؟\u037e]\s*[\"'”’)\]]*$")  # U+037E is the Greek one
# Spoken words come without marks at times: an English sentence that begins so asks something.
_ASKS = re.compile(
    r"(?:(?:and|but|so|well|now|ok|okay)\s+)?(?:(?:what|why|how|who|whose|where|when|which)(?:'s)?\s+"
    r"(?:is|are|was|were|do|does|did|has|hath|have|had|can|could|would|should|will|shall|am|about|many|much|long|"
    r"\w+ (?:is|are|do|does|did))|"
    r"(?:do|does|did|are|is|was|were|can|could|would|will|shall|have|has)\s+"
    r"(?:you|we|they|i|he|she|it|there|this|that|any\w*|the))\b",
    re.IGNORECASE,
)
_AFTER = 8  # segments behind a question in which its answer is looked for
_SAME = 0.7  # shared content words of an answer that only repeats the question


async def questions_of(work: Work) -> list[Question]:
    """Return every question in the text's order, with its answer where one follows."""
    asked = [
        (segment.order, sentence)
        for segment in work.source.segments
        for sentence in sentences_of(segment.text)
        if is_question(sentence, language=work.source.language)
    ]
    return await work.all_of(_answered(work, order, question) for order, question in asked)


def is_question(sentence: str, *, language: str | None) -> bool:
    """Tell a question by its mark, and in English by its beginning where there is no mark of another kind."""
    if _MARK.search(sentence):
        return len(tokens(sentence)) > 0
    unmarked = sentence[-1:].isalnum()
    return language == "en" and unmarked and len(tokens(sentence)) > 2 and bool(_ASKS.match(sentence))


async def _answered(work: Work, order: int, question: str) -> Question:
    segment = work.source.get(order)
    nearby = work.source.around(order, before=1, after=_AFTER)
    shape = AnswerShape()
    if len(nearby) > 1:
        shape = await work.asker.fill(
            AnswerShape,
            rendered(nearby),
            work.task("question", question=quoted(question, 300), segment=str(order)),
            max_tokens=160,
        )
    orders = [each for each in work.cited(shape.answer, shape.segments) if each != order] if shape.found else []
    answered = bool(orders) and alike(shape.answer, question) < _SAME
    return Question(
        question=question,
        segment=order,
        speaker=segment.speaker if segment else None,
        start_time=segment.start_s if segment else None,
        answer=shape.answer.strip() if answered else None,
        answer_segments=orders if answered else [],
    )
