"""Answers to questions about a transcript, from the passages that were found for them, with their sources."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from serve_app.insights.decoding import Asker, read
from serve_app.insights.prose import Gate, checked
from serve_app.insights.results import Answer, AnswerSource
from serve_app.insights.shapes import AnswerShape, RelevanceShape
from serve_app.insights.source import SourceSegment, SourceText, tidy
from serve_app.insights.templates import quoted
from serve_app.insights.vocabulary import Vocabulary, content_words, meaningful_words
from serve_app.insights.work import Work
from serve_app.ports.language import TextDelta
from serve_app.ports.passages import Line
from serve_app.transcript.json_view import speaker_name

_LONGEST_QUESTION = 1_000  # characters
_ANSWER_TOKENS = 320
_SUPPORT = 0.5  # of an answer's content words: it has some of the question, which the passages need not have
_FOLLOWS_UP = re.compile(
    r"^(and|but|so|why|how come|what about|how about|who else|what else|where|when)\b.{0,25}$|"
    r"\b(it|its|they|them|their|he|him|his|she|her|hers|that|this|those|these|there|then)\b",
    re.IGNORECASE,
)
# Asks for a number, and by which word.
_ASKS_QUANTITY = re.compile(
    r"\bhow (many|much|large|big|small|high|low|tall|long|short|far|fast|old|often|heavy|deep|wide|hot|cold)\b",
    re.IGNORECASE,
)
_ANSWER_BEGINS = re.compile(r'"found"\s*:\s*(true|false).*?"answer"\s*:\s*"', re.DOTALL)
_STRING = re.compile(r'(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')  # whole escapes only
_NOT_FOUND = {
    "en": "The transcript does not say.",
    "fr": "La transcription ne le dit pas.",
    "de": "Das steht nicht im Transkript.",
    "es": "La transcripción no lo dice.",
    "it": "La trascrizione non lo dice.",
    "pt": "A transcrição não o diz.",
    "nl": "Dat staat niet in het transcript.",
}


class FoundPassage(Protocol):
    """Consecutive segments that a search came up with."""

    @property
    def context(self) -> tuple[Line, ...]: ...

    @property
    def score(self) -> float:
        """Return its place among those found, 0..1."""

    @property
    def similarity(self) -> float:
        """Return how near it is to the question in meaning, -1..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An earlier question of the session and what was answered."""

    question: str
    answer: str


def search_query(question: str, history: Sequence[Exchange]) -> str:
    """Return what to search for: a question that points back is joined to the one before it."""
    if history and _FOLLOWS_UP.search(question):
        return f"{history[-1].question} {question}"
    return question


async def answer_to(
    asker: Asker, question: str, found: Sequence[FoundPassage], history: Sequence[Exchange], *, language: str | None
) -> AsyncGenerator[TextDelta | Answer, None]:
    """Yield an answer as it is written, then all of it with the segments that bear it.

    An answer to a question for a quantity, or some of whose words the passages do not have, is checked first, and comes
    at once. Where no passage is near enough, the model finds no answer, or what it says is not in the passages, it is
    that the transcript does not say.
    """
    near = [each for each in found if each.similarity >= asker.settings.retrieval_floor]
    work = _work_on(asker, near, language)
    question = quoted(question, _LONGEST_QUESTION)
    if not work.source.segments or not question:
        async for event in _not_found(language):
            yield event
        return
    gate = Gate(work.vocabulary, same_language=work.same_language, support=_SUPPORT)
    task = work.task("chat", question=question, history=_told(history, asker.settings.history_turns))
    (window, *_) = await work.windows()
    reader = AnswerReader()
    written = ""
    doubtful = (
        not work.same_language or work.vocabulary.support(question) < 1 or _ASKS_QUANTITY.search(question) is not None
    )
    pieces = asker.write(window.text, task, max_tokens=_ANSWER_TOKENS, shape=AnswerShape)
    async with aclosing(checked(reader.answer_in(pieces), gate)) as sentences:
        async for sentence in sentences:
            written += sentence
            if not doubtful:
                yield TextDelta(text=sentence)
    shape = read(AnswerShape, reader.json)
    if work.same_language and _ASKS_QUANTITY.search(question):
        written = _with_number(work, question, written)
    if doubtful and written.strip():
        relevant = _gives_quantity(question, written) or await _is_reply(work, question, written)
        written = written if relevant else ""
        if relevant:
            yield TextDelta(text=written)
    if not written.strip():
        async for event in _not_found(language):
            yield event
        return
    orders = work.cited(written, shape.segments or window.orders[:1]) or work.source.known(shape.segments)
    yield Answer(answer=written.strip(), found=True, sources=_sources(near, orders))


async def _is_reply(work: Work, question: str, answer: str) -> bool:
    """Ask whether an answer is one: a small model finds something to say about most questions."""
    text = f"Question: {question}\nReply: {quoted(answer, _LONGEST_QUESTION)}"
    return (await work.asker.fill(RelevanceShape, text, work.task("relevant"), max_tokens=12)).answers == "yes"


def _with_number(work: Work, question: str, answer: str) -> str:
    """Return the sentence with a number that has more of the words asked for than an answer has, else the answer.

    Asked for a quantity, a small model takes the wrong one of two numbers that stand side by side.
    """
    asked = set(meaningful_words(question))

    def closeness(sentence: str) -> int:
        return sum(map(Vocabulary([sentence]).has, asked))

    sentences = work.source.sentences
    best = max((each for each in sentences if Vocabulary([each]).numbers), key=closeness, default="")
    return best if answer.strip() and closeness(best) > closeness(answer) else answer


def _gives_quantity(question: str, answer: str) -> bool:
    """Tell whether a question for a quantity is answered by a number, about what it asks for."""
    asked = _ASKS_QUANTITY.search(question)
    said = Vocabulary([answer])
    if asked is None or not said.numbers:
        return False
    words = [word for word in content_words(question) if word != asked[1].casefold()]
    return bool(words) and 2 * sum(map(said.has, words)) >= len(words)


class AnswerReader:
    """Reads the text of an answer out of its JSON while that is being written; `json` is what came so far."""

    def __init__(self) -> None:
        self.json = ""

    async def answer_in(self, pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Yield the answer's text. Of one that was not found there is none, and it is not waited for."""
        told = 0
        async with aclosing(pieces):
            async for piece in pieces:
                self.json += piece
                begun = _ANSWER_BEGINS.search(self.json)
                if begun is None:
                    continue
                if begun[1] == "false":
                    return
                text = _string_at(self.json, begun.end())
                yield text[told:]
                told = len(text)


def _string_at(json_text: str, start: int) -> str:
    """Return the JSON string whose letters begin at `start`, as far as it has come."""
    found = _STRING.match(json_text, start)
    try:
        text = json.loads(f'"{found[0]}"', strict=False) if found else ""
    except json.JSONDecodeError:
        return ""
    return str(text).encode("utf-8", "ignore").decode("utf-8")  # half a surrogate pair waits for the other half


def _work_on(asker: Asker, found: Sequence[FoundPassage], language: str | None) -> Work:
    """Return work on the lines found, each once, in the transcript's order."""
    lines = {line.order: line for each in found for line in each.context if tidy(line.text)}
    segments = tuple(
        SourceSegment(
            order=line.order,
            text=tidy(line.text),
            start_s=line.start_s,
            end_s=line.end_s,
            speaker=None if line.speaker is None else speaker_name(line.speaker),
        )
        for _, line in sorted(lines.items())
    )
    return Work(source=SourceText(segments=segments, language=language), asker=asker, language=language)


def _told(history: Sequence[Exchange], most: int) -> str:
    """Return the talk so far, as the model is told it."""
    turns = [f"Q: {quoted(turn.question, 200)}\nA: {quoted(turn.answer, 300)}" for turn in history[-most:]]
    return "Earlier questions and answers:\n" + "\n".join(turns) if turns else ""


def _sources(found: Sequence[FoundPassage], orders: Sequence[int]) -> list[AnswerSource]:
    best: dict[int, AnswerSource] = {}
    for each in found:
        for line in each.context:
            if line.order in orders and (line.order not in best or best[line.order].score < each.score):
                best[line.order] = AnswerSource(
                    segment_order=line.order, text=line.text, score=round(each.score, 4), start_time=line.start_s
                )
    return [best[order] for order in sorted(best)]


async def _not_found(language: str | None) -> AsyncGenerator[TextDelta | Answer, None]:
    text = _NOT_FOUND.get(language or "en", _NOT_FOUND["en"])
    yield TextDelta(text=text)
    yield Answer(answer=text, found=False)
