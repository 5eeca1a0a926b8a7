"""One question to a stored transcript: found, answered, and noted in its session."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Ticket
from serve_app.api.account.routing import private_json
from serve_app.api.context import context_of
from serve_app.api.sse import sse
from serve_app.api.text.working import admitted, charged, event_stream, worked
from serve_app.errors import DatabaseUnavailable, InternalError
from serve_app.insights.chat import Exchange, search_query
from serve_app.insights.insights import Insights
from serve_app.insights.results import Answer, AnswerSource
from serve_app.ports.language import TextDelta
from serve_app.ports.passages import ChatStore, ChatTurn
from serve_app.retrieval.index import Found, TranscriptIndex
from serve_app.transcript.model import Transcript

log = logging.getLogger("hark.api")

_SOURCES = 3  # of an answer that names none
_REMEMBERED = 12  # messages of a session that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A transcript to be asked, and the session that the question belongs to; without one a new one is begun."""

    index: TranscriptIndex
    chats: ChatStore
    insights: Insights
    model: str
    account_id: str
    transcript_id: str
    transcript: Transcript
    session_id: str | None
    session_s: float
    passages: int

    async def events(self, question: str, *, request_id: str) -> AsyncGenerator[TextDelta | dict[str, Any], None]:
        """Yield the answer as it is written, then all of it as JSON. Raises NotFound for an unknown session."""
        history: list[Exchange] = []
        if self.session_id is not None:
            await self._open(self.session_id)
            history = exchanges(await self.chats.history(self.account_id, self.session_id, limit=_REMEMBERED))
        await self.index.ensure(self.account_id, self.transcript_id, self.transcript)
        found = await self.index.find(
            self.account_id, self.transcript_id, search_query(question, history), limit=self.passages
        )
        answering = self.insights.stream_answer(
            question, found, history, language=self.transcript.language, request_id=request_id
        )
        async with aclosing(answering):
            async for event in answering:
                if isinstance(event, TextDelta):
                    yield event
                else:
                    yield await self._noted(question, _with_sources(event, found))

    async def _noted(self, question: str, answer: Answer) -> dict[str, Any]:
        view = answer.model_dump(mode="json")
        session_id = self.session_id
        try:
            session_id = session_id or await self._open(None)
            await self.chats.add(
                self.account_id,
                session_id,
                question=question,
                answer=answer.answer,
                sources=view["sources"],
                ttl_s=self.session_s,
            )
        except DatabaseUnavailable:  # what is answered is handed over all the same
            log.error("chat_not_noted transcript_id=%s", self.transcript_id)
        return {**view, "session_id": session_id, "model": self.model}

    async def _open(self, session_id: str | None) -> str:
        return await self.chats.open(self.account_id, self.transcript_id, session_id=session_id, ttl_s=self.session_s)


def _with_sources(answer: Answer, found: Sequence[Found]) -> Answer:
    """Return an answer that cites nothing in particular with what was found for it, best first."""
    if not answer.found or answer.sources:
        return answer
    lines = {each.line.order: each for each in reversed(found[:_SOURCES])}
    sources = [
        AnswerSource(segment_order=order, text=each.line.text, score=each.score, start_time=each.line.start_s)
        for order, each in sorted(lines.items())
    ]
    return answer.model_copy(update={"sources": sources})


def exchanges(turns: Sequence[ChatTurn]) -> list[Exchange]:
    """Return a session's questions that were answered, with their answers."""
    pairs = pairwise(turns)
    return [
        Exchange(question=asked.content, answer=said.content)
        for asked, said in pairs
        if (asked.role, said.role) == ("user", "assistant")
    ]


async def answer_question(request: Request, caller: Caller, talk: Talk, question: str, *, stream: bool) -> Response:
    """Answer at once, or as the answer is written."""
    request_id = context_of(request.scope).request_id
    async with AsyncExitStack() as stack:
        ticket = await stack.enter_async_context(admitted(request, caller, feature="llm", characters=len(question)))
        if stream:
            return await event_stream(request, stack, _messages(request, ticket, talk, question, request_id))
        view = await worked(request, _whole(talk, question, request_id))
        await charged(request, ticket, characters=len(question) + len(view["answer"]))
    return private_json(view)


async def _whole(talk: Talk, question: str, request_id: str) -> dict[str, Any]:
    async with aclosing(talk.events(question, request_id=request_id)) as events:
        async for event in events:
            if isinstance(event, dict):
                return event
    raise InternalError("The question got no answer.")


async def _messages(
    request: Request, ticket: Ticket, talk: Talk, question: str, request_id: str
) -> AsyncGenerator[bytes, None]:
    async with aclosing(talk.events(question, request_id=request_id)) as events:
        async for event in events:
            if isinstance(event, dict):
                await charged(request, ticket, characters=len(question) + len(event["answer"]))
                yield sse(event, event="done")
            else:
                ticket.answered = True
                yield sse({"text": event.text}, event="delta")
