"""`/api/v1/transcripts/{id}/`: `chat`, `summarize`, `analyze` and `generate` over what the account has stored."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from serve_app.admission.callers import Caller
from serve_app.api.account.routing import NO_STORE, PREFIX, SlashRouter, private_json
from serve_app.api.account.schemas import CONFLICT, NOT_FOUND, body_of
from serve_app.api.callers import caller_of, signed_in
from serve_app.api.context import services_of
from serve_app.api.sse import sse
from serve_app.api.text.asking import Asked, analysis_asked, generated_asked, summary_asked
from serve_app.api.text.bodies import (
    AnalyzeBody,
    AnswerBody,
    GenerateBody,
    SummarizeBody,
    check_length,
    missing,
    text_body,
)
from serve_app.api.text.insights import answer_about
from serve_app.api.text.schemas import (
    ANALYZE_RESPONSES,
    CHAT_RESPONSES,
    ERRORS,
    GENERATE_RESPONSES,
    SUMMARIZE_RESPONSES,
)
from serve_app.api.text.talking import Talk, answer_question
from serve_app.errors import DatabaseUnavailable, ModelUnavailable, NotFound, NotReady
from serve_app.insights.source import SourceText
from serve_app.ports.records import StoredTranscript
from serve_app.transcript.json_read import transcript_of

log = logging.getLogger("hark.api")
router = SlashRouter(prefix=PREFIX, tags=["Transcripts"])

MAX_QUESTION_CHARS = 4_000


class ChatBody(AnswerBody):
    question: str | None = Field(None, description=f"a question of at most {MAX_QUESTION_CHARS} characters")
    message: str | None = Field(None, description="another name of question")
    session_id: str | None = Field(None, description="the session to go on with; a new one where it is absent")


@router.post(
    "/transcripts/{transcript_id}/summarize/",
    summary="Summarize a transcript",
    openapi_extra=body_of(SummarizeBody),
    responses=SUMMARIZE_RESPONSES | NOT_FOUND | CONFLICT | ERRORS,
    response_class=JSONResponse,
)
async def summarize_transcript(request: Request, transcript_id: str) -> Response:
    """Summarize a stored transcript. The answer is kept; `force` makes a new one."""
    caller, stored = await _stored(request, transcript_id)
    body = await text_body(request, SummarizeBody)
    return await _answer(request, caller, stored, body, summary_asked(body))


@router.post(
    "/transcripts/{transcript_id}/analyze/",
    summary="Analyze a transcript",
    openapi_extra=body_of(AnalyzeBody),
    responses=ANALYZE_RESPONSES | NOT_FOUND | CONFLICT | ERRORS,
    response_class=JSONResponse,
)
async def analyze_transcript(request: Request, transcript_id: str) -> Response:
    """Analyze a stored transcript. The answer is kept; `force` makes a new one."""
    caller, stored = await _stored(request, transcript_id)
    body = await text_body(request, AnalyzeBody)
    return await _answer(request, caller, stored, body, analysis_asked(body))


@router.post(
    "/transcripts/{transcript_id}/generate/",
    summary="Make something of a transcript",
    openapi_extra=body_of(GenerateBody),
    responses=GENERATE_RESPONSES | NOT_FOUND | CONFLICT | ERRORS,
    response_class=JSONResponse,
)
async def generate_from_transcript(request: Request, transcript_id: str) -> Response:
    """Make something of a stored transcript. The answer is kept; `force` makes a new one."""
    caller, stored = await _stored(request, transcript_id)
    body = await text_body(request, GenerateBody)
    return await _answer(request, caller, stored, body, generated_asked(body))


@router.post(
    "/transcripts/{transcript_id}/chat/",
    summary="Ask a transcript",
    openapi_extra=body_of(ChatBody),
    responses=CHAT_RESPONSES | NOT_FOUND | CONFLICT | ERRORS,
    response_class=JSONResponse,
)
async def chat_with_transcript(request: Request, transcript_id: str) -> Response:
    """Ask a question about a stored transcript, and get an answer with the segments that it rests on."""
    caller, stored = await _stored(request, transcript_id)
    body = await text_body(request, ChatBody)
    question = (body.question or body.message or "").strip()
    if not question:
        raise missing("question", ChatBody)
    check_length("question", len(question), max_chars=MAX_QUESTION_CHARS)
    text = services_of(request).text
    name, model = text.language_model(body.model)
    if text.index is None or text.chats is None:
        raise ModelUnavailable("This profile has no embedding model, so transcripts cannot be searched.")
    talk = Talk(
        index=text.index,
        chats=text.chats,
        insights=await text.insights_of(model),
        model=name,
        account_id=stored.entry.account_id,
        transcript_id=stored.entry.id,
        transcript=await asyncio.to_thread(transcript_of, stored.document),
        session_id=body.session_id,
        session_s=text.session_s,
        passages=text.passages,
    )
    return await answer_question(request, caller, talk, question, stream=body.stream)


async def _stored(request: Request, transcript_id: str) -> tuple[Caller, StoredTranscript]:
    """Return the caller and its transcript. Raises Unauthenticated, NotFound or NotReady."""
    caller = await caller_of(request)
    stored = await services_of(request).stores.transcripts.get(signed_in(caller).id, transcript_id)
    if stored.entry.status != "completed":
        raise NotReady("This transcript is not complete yet.", status=stored.entry.status)
    return caller, stored


async def _answer(
    request: Request,
    caller: Caller,
    stored: StoredTranscript,
    body: SummarizeBody | AnalyzeBody | GenerateBody,
    asked: Asked,
) -> Response:
    text = services_of(request).text
    model, _ = text.language_model(body.model)
    entry, key, results = stored.entry, asked.key(model), text.results
    if results is not None and not body.force:
        known = await results.get(entry.account_id, entry.id, key)
        if known is not None:
            return _known({**known, "cached": True}, stream=body.stream)

    async def keep(view: dict[str, Any]) -> None:
        if results is None:
            return
        try:
            await results.put(entry.account_id, entry.id, key, view)
        except (DatabaseUnavailable, NotFound) as fault:  # deleted meanwhile: there is nothing to keep it with
            log.warning("insight_not_kept error_code=%s", fault.error_code)

    return await answer_about(
        request,
        caller,
        body,
        asked,
        n_chars=len(stored.text),
        source=lambda: SourceText.from_document(stored.document),
        keep=keep,
    )


def _known(view: dict[str, Any], *, stream: bool) -> Response:
    if stream:
        return Response(sse(view, event="done"), headers=NO_STORE, media_type="text/event-stream")
    return private_json(view)
