"""`POST /v1/summarize`, `/v1/analyze` and `/v1/generate`: what a text says, in another form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.admission.callers import Caller
from serve_app.api.account.schemas import body_of
from serve_app.api.callers import caller_of
from serve_app.api.context import context_of, services_of
from serve_app.api.text.asking import Asked, analysis_asked, answered, generated_asked, messages_of, summary_asked
from serve_app.api.text.bodies import AnalyzeBody, AnswerBody, GenerateBody, SummarizeBody, text_body, text_of
from serve_app.api.text.schemas import ANALYZE_RESPONSES, ERRORS, GENERATE_RESPONSES, SUMMARIZE_RESPONSES
from serve_app.api.text.working import admitted, charged, event_stream, worked
from serve_app.insights.source import SourceText

router = APIRouter(tags=["Text"])


@router.post(
    "/v1/summarize",
    summary="Summarize a text",
    openapi_extra=body_of(SummarizeBody),
    responses=SUMMARIZE_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def summarize(request: Request) -> Response:
    """Get a summary of a text of any length, in one of four styles. What it says is in the text."""
    caller = await caller_of(request)
    body = await text_body(request, SummarizeBody)
    return await _answer(request, caller, body, summary_asked(body))


@router.post(
    "/v1/analyze",
    summary="Analyze a text",
    openapi_extra=body_of(AnalyzeBody),
    responses=ANALYZE_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def analyze(request: Request) -> Response:
    """Get the sentiment, topics, entities, action items or questions of a text, or the text without personal data."""
    caller = await caller_of(request)
    body = await text_body(request, AnalyzeBody)
    return await _answer(request, caller, body, analysis_asked(body))


@router.post(
    "/v1/generate",
    summary="Make something of a text",
    openapi_extra=body_of(GenerateBody),
    responses=GENERATE_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def generate(request: Request) -> Response:
    """Get a text made of a text: a blog post, show notes, flashcards, chapters and more."""
    caller = await caller_of(request)
    body = await text_body(request, GenerateBody)
    return await _answer(request, caller, body, generated_asked(body))


async def _answer(
    request: Request, caller: Caller, body: SummarizeBody | AnalyzeBody | GenerateBody, asked: Asked
) -> Response:
    text = services_of(request).text
    content = text_of(body, max_chars=text.limits.max_chars)
    return await answer_about(
        request, caller, body, asked, n_chars=len(content), source=lambda: SourceText.from_text(content)
    )


async def answer_about(
    request: Request,
    caller: Caller,
    body: AnswerBody,
    asked: Asked,
    *,
    n_chars: int,
    source: Callable[[], SourceText],
    keep: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
) -> Response:
    """Answer what is asked about a source, at once or as it is written, and `keep` what was answered."""
    text = services_of(request).text
    name, model = text.language_model(body.model)
    insights = await text.insights_of(model)
    if body.force:
        insights = insights.afresh()
    request_id = context_of(request.scope).request_id
    async with AsyncExitStack() as stack:
        ticket = await stack.enter_async_context(admitted(request, caller, feature="llm", characters=n_chars))
        segments = await asyncio.to_thread(source)

        async def done(view: dict[str, Any]) -> None:
            await charged(request, ticket, characters=n_chars)
            if keep is not None:
                await keep(view)

        if body.stream:
            messages: AsyncGenerator[bytes, None] = messages_of(
                asked, insights, segments, model=name, request_id=request_id, ticket=ticket, done=done
            )
            return await event_stream(request, stack, messages)
        view = await worked(request, answered(asked, insights, segments, model=name, request_id=request_id))
        await done(view)
    return JSONResponse(view)
