"""The questions that are asked in a text, and where it answers them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from serve_app.insights.results import Question
from serve_app.insights.shapes import AnswerShape
from serve_app.insights.source import SourceSegment, sentences_of
from serve_app.insights.spoken_numbers import COUNTS
from serve_app.insights.templates import quoted
from serve_app.insights.vocabulary import alike, content_words, tokens
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
# In the middle of a sentence they are relative: `the boy, | who were innocent, you`.
_RELATIVE = re.compile(r"(?:who|whose|which)\b")
# With these begins what is said in reply; `the`, a name or a verb may as well begin something else.
_REPLY_WORDS = """
yes no yeah yep nope sure okay ok well oh good great fine thanks please true correct agreed absolutely definitely of
indeed certainly perhaps maybe probably possibly exactly right not never always often sometimes usually because since
so if when until after before i we you he she it they this that these those there here my our your his her its their
mine nobody everybody everyone someone somebody anyone nothing everything something all both some most many more few
fewer less several none half about around almost nearly only just at by from in on to with without next last tomorrow
today yesterday tonight now soon later dozens hundreds thousands
"""
_REPLIES = frozenset(_REPLY_WORDS.split()) | COUNTS
_ASKS_FOR = re.compile(r"\b(?:what|who|whom|whose|where|when|why|which|how)\b", re.IGNORECASE)
_SHORT = 5  # words, with which anybody may reply who is asked for something
_AFTER = 8  # segments behind a question in which its answer is looked for
_RIGHT_AFTER = 3  # of them are heard as answers, whatever their words
_SAME = 0.7  # shared content words of an answer that only repeats the question
_ECHO = 0.5  # of a question's content words come back where whoever asks it answers it
_TOLD = 0.25  # of an answer's words, in a segment that gives a part of it
_BORNE = 0.7  # of them, in all such segments together: it is in the words of the text


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
    if language != "en" or not unmarked or _RELATIVE.match(sentence):
        return False
    return len(tokens(sentence)) > 2 and bool(_ASKS.match(sentence))


async def _answered(work: Work, order: int, question: str) -> Question:
    nearby = work.source.around(order, before=1, after=_AFTER)
    asked = next(each for each in nearby if each.order == order)
    shape = AnswerShape()
    if len(nearby) > 1:
        shape = await work.asker.fill(
            AnswerShape,
            rendered(nearby),
            work.task("question", question=quoted(question, 300), segment=str(order)),
            max_tokens=160,
        )
    behind = [each for each in nearby if each.order > order]
    orders = _answering(work, asked, question, shape, behind) if shape.found else []
    return Question(
        question=question,
        segment=order,
        speaker=asked.speaker,
        start_time=asked.start_s,
        answer=shape.answer.strip() if orders else None,
        answer_segments=orders,
    )


def _answering(
    work: Work, asked: SourceSegment, question: str, shape: AnswerShape, behind: Sequence[SourceSegment]
) -> list[int]:
    """Return those of the segments behind a question that give the answer; none where nothing they say can be it.

    What others say right after a question may answer it in any words if it begins as replies do; what they say later
    has a word of it, and whoever goes on speaking after a question answers it in its words.
    """
    told = _telling(work, shape.answer, behind)
    cited = [each for each in told if each.order in shape.segments]
    if work.has(shape.answer, cited, share=_BORNE):
        told = cited or told
    orders = work.cited(shape.answer, [each.order for each in told])
    if not orders or not work.has(shape.answer, told, share=_BORNE) or alike(shape.answer, question) >= _SAME:
        return []
    words = content_words(question)
    echo = work.share(words, told) if words else 0.0
    if asked.speaker is not None and all(each.speaker == asked.speaker for each in told):
        return orders if echo >= _ECHO else []
    replies = told[0] in behind[:_RIGHT_AFTER] and _is_reply(told[0].text, question, language=work.source.language)
    return orders if echo or not work.same_language or replies else []


def _is_reply(text: str, question: str, *, language: str | None) -> bool:
    """Tell what may be a reply from what needs no question: `Put this in a double boiler and let it cook.`"""
    words = tokens(text)
    short = len(words) <= _SHORT and _ASKS_FOR.search(question) is not None
    return language != "en" or short or words[0].key in _REPLIES or words[0].key[0].isdigit()


def _telling(work: Work, answer: str, segments: Sequence[SourceSegment]) -> list[SourceSegment]:
    """Return the segments with a part of an answer; all of it where it is made of words that say little, like `yes`."""
    if not work.same_language:
        return list(segments)
    words = content_words(answer)
    share = _TOLD if words else 1.0
    words = words or [token.key for token in tokens(answer)]
    return [each for each in segments if words and work.share(words, [each]) >= share]
