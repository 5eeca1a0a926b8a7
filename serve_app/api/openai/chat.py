"""`POST /v1/chat/completions`, as OpenAI's clients call it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.admission.gate import Ticket
from serve_app.api.account.schemas import body_of
from serve_app.api.callers import caller_of
from serve_app.api.context import context_of, services_of
from serve_app.api.openai.chat_body import ChatBody
from serve_app.api.openai.schemas import CHAT_RESPONSES, ERRORS
from serve_app.api.sse import sse
from serve_app.api.text.bodies import check_length, text_body
from serve_app.api.text.working import admitted, charged, event_stream, worked
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, LanguageModel, TextDelta

router = APIRouter(tags=["OpenAI"])


@router.post(
    "/v1/chat/completions",
    summary="Chat (OpenAI)",
    openapi_extra=body_of(ChatBody),
    responses=CHAT_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def chat_completions(request: Request) -> Response:
    """Continue a conversation with the language model."""
    caller = await caller_of(request)
    body = await text_body(request, ChatBody)
    text = services_of(request).text
    messages, options = body.conversation(), body.options(context_of(request.scope).request_id)
    name, model = text.language_model(body.model)
    n_chars = sum(len(message.content) for message in messages)
    check_length("messages", n_chars, max_chars=text.limits.max_chars)
    head = {"id": f"chatcmpl-{options.request_id}", "created": int(time.time()), "model": name}
    async with AsyncExitStack() as stack:
        ticket = await stack.enter_async_context(admitted(request, caller, feature="llm", characters=n_chars))
        if body.stream:
            chunks = _chunks(
                request, ticket, model, messages, options, head=head, n_chars=n_chars, usage=body.wants_usage()
            )
            return await event_stream(request, stack, chunks)
        answer = await worked(request, model.generate(messages, options))
        await charged(request, ticket, characters=n_chars + len(answer.text))
    return JSONResponse(_completion(answer, head))


async def _chunks(
    request: Request,
    ticket: Ticket,
    model: LanguageModel,
    messages: list[ChatMessage],
    options: GenerateOptions,
    *,
    head: dict[str, Any],
    n_chars: int,
    usage: bool,
) -> AsyncGenerator[bytes, None]:
    """Yield the answer as it is written, in OpenAI's chunks."""
    head = {**head, "object": "chat.completion.chunk"} | ({"usage": None} if usage else {})
    begun = False
    async with aclosing(model.stream(messages, options)) as answer:
        async for item in answer:
            if not begun:  # only now: a fault before the first word is a response of its own
                yield _chunk(head, {"role": "assistant", "content": ""})
                begun = ticket.answered = True
            if isinstance(item, TextDelta):
                yield _chunk(head, {"content": item.text})
                continue
            await charged(request, ticket, characters=n_chars + len(item.text))
            yield _chunk(head, {}, finish_reason=item.finish_reason)
            if usage:
                yield sse({**head, "choices": [], "usage": _usage(item)})
    yield b"data: [DONE]\n\n"


def _chunk(head: dict[str, Any], delta: dict[str, Any], *, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return sse({**head, "choices": [choice]})


def _completion(answer: Generation, head: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    return {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}],
        "usage": _usage(answer),
    }


def _usage(answer: Generation) -> dict[str, int]:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }
