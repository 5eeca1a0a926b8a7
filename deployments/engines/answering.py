"""What every language engine does around its model: room in the window, a place, the answer as it grows, deadlines."""

from __future__ import annotations

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from deployments.engines.places import Place, Places
from serve_app.errors import ContextTooLong, InternalError, InvalidRequest, ModelUnavailable
from serve_app.ports.language import ChatMessage, FinishReason, GenerateOptions, Generation, TextDelta

Item = TypeVar("Item")
RequestT = TypeVar("RequestT")

LEAST_ANSWER_TOKENS = 16  # a prompt that leaves less room cannot be answered
_CONTROL_TOKEN = re.compile(r"<\|(?=[^\s<>|]{1,64}\|>)")


def plain(text: str) -> str:
    """Return text that a chat template cannot mistake for its own: what looks like a control token is broken up.

    Lone surrogates, which no tokenizer takes, become question marks.
    """
    return _CONTROL_TOKEN.sub("< |", text.encode("utf-8", "replace").decode("utf-8"))


def plain_messages(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    """Return messages as chat templates take them. Raises InvalidRequest when there are none."""
    if not messages:
        raise InvalidRequest("There is no message to answer.")
    return [{"role": message.role, "content": plain(message.content)} for message in messages]


def answer_room(prompt_tokens: int, *, context_tokens: int, max_tokens: int | None) -> int:
    """Return how many tokens the answer may have; raises ContextTooLong when the prompt leaves no room for one."""
    room = context_tokens - prompt_tokens
    if room < min(LEAST_ANSWER_TOKENS, max_tokens or LEAST_ANSWER_TOKENS):
        raise ContextTooLong(
            f"The prompt has {prompt_tokens} tokens, and prompt and answer together may have {context_tokens}.",
            prompt_tokens=prompt_tokens,
            limit=context_tokens,
        )
    return room if max_tokens is None else min(room, max_tokens)


async def last_of(answer: AsyncGenerator[TextDelta | Generation]) -> Generation:
    """Return the finished answer of a stream."""
    found: Generation | None = None
    async with aclosing(answer):
        async for item in answer:
            if isinstance(item, Generation):
                found = item
    if found is None:
        raise InternalError("The language model gave no answer.")
    return found


async def until_deadline(items: AsyncGenerator[Item], *, deadline_s: float) -> AsyncGenerator[Item]:
    """Pass items on; raises ModelUnavailable when they are not all there in time."""
    # Not one timeout around the loop: it would also cut off the consumer, which runs between the items.
    ends = asyncio.get_running_loop().time() + deadline_s
    async with aclosing(items):
        while True:
            try:
                async with asyncio.timeout_at(ends) as scope:
                    item = await anext(items)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                if not scope.expired():
                    raise
                message = f"The language model did not answer within {deadline_s:g} s; try again later or ask for less."
                raise ModelUnavailable(message, retry_after_s=30) from error
            yield item


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What an engine adds to an answer at once."""

    text: str = ""
    completion_tokens: int | None = None  # of the whole answer up to here, where the engine tells
    finish_reason: FinishReason | None = None


class AnsweringEngine(ABC, Generic[RequestT]):
    """The half of ports.LanguageModel that engines share. Belongs to one event loop.

    An engine turns messages into tokens, tokens into a request of its own, and a request into pieces.
    """

    def __init__(self, *, context_tokens: int, places: Places) -> None:
        self._context_tokens = context_tokens
        self._places = places

    async def context_tokens(self) -> int:
        return self._context_tokens

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        return await last_of(self.stream(messages, options))

    def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        return until_deadline(self._answer(messages, options), deadline_s=options.deadline_s)

    @abstractmethod
    async def _prompt(self, chat: list[dict[str, str]]) -> list[int]:
        """Return the tokens of a conversation in the model's template."""

    @abstractmethod
    def _request(self, prompt: list[int], options: GenerateOptions, room: int) -> RequestT:
        """Return what the engine is asked; raises InvalidRequest for what it cannot keep to."""

    @abstractmethod
    def _pieces(self, request: RequestT, place: Place) -> AsyncGenerator[Piece, None]:
        """Yield the answer; closing stops the work. Gives the place back once the engine has let go of it."""

    async def _answer(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        prompt = await self._prompt(plain_messages(messages))
        room = answer_room(len(prompt), context_tokens=self._context_tokens, max_tokens=options.max_tokens)
        request = self._request(prompt, options, room)
        answer = _Answer(prompt_tokens=len(prompt), is_json=options.json_schema is not None)
        place = await self._places.take(len(prompt) + room, owner=options.request_id)
        async with aclosing(self._pieces(request, place)) as pieces:
            async for piece in pieces:
                answer.add(piece)
                if piece.text:
                    yield TextDelta(text=piece.text)
        yield answer.finished()


class _Answer:
    """An answer as it grows."""

    def __init__(self, *, prompt_tokens: int, is_json: bool) -> None:
        self._prompt_tokens = prompt_tokens
        self._is_json = is_json
        self._parts: list[str] = []
        self._completion_tokens = 0
        self._finish_reason: FinishReason | None = None

    def add(self, piece: Piece) -> None:
        self._parts.append(piece.text)
        if piece.completion_tokens is not None:
            self._completion_tokens = piece.completion_tokens
        self._finish_reason = piece.finish_reason or self._finish_reason

    def finished(self) -> Generation:
        if self._finish_reason is None:
            raise ModelUnavailable("The language model broke off; try again shortly.", retry_after_s=5)
        text = "".join(self._parts)
        if self._is_json and self._finish_reason == "stop":
            _check_json(text)
        return Generation(
            text=text,
            finish_reason=self._finish_reason,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
        )


def _check_json(text: str) -> None:
    """Raise InternalError for what is no JSON: an engine whose grammar gives up writes on without it."""
    try:
        json.loads(text)
    except ValueError as error:
        raise InternalError("The language model left the JSON schema.") from error
