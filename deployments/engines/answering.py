"""What every language engine does around its model: room in the window, places in the engine, deadlines."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from serve_app.errors import ContextTooLong, InternalError, InvalidRequest, ModelQueueFull, ModelUnavailable
from serve_app.ports.language import ChatMessage, FinishReason, Generation, TextDelta

Item = TypeVar("Item")

LEAST_ANSWER_TOKENS = 16  # a prompt that leaves less room cannot be answered
_LITERAL = ("const", "default", "enum", "examples")
_COMBINING = frozenset({"allOf", "not", "if", "dependentSchemas", "unevaluatedProperties"})
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


def tightened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a narrower schema for llguidance, whose every instance is one of the original.

    Where a small model may put any whitespace, or any further key, it sometimes does so without end: one space goes
    between tokens, and objects have the keys that are named.
    """
    spacing = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    closed = dict(schema) if _combines(schema) else _closed(schema)
    return {**closed, "x-guidance": spacing}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: value if key in _LITERAL else _closed(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), Mapping) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _combines(schema: Any) -> bool:
    """Whether subschemas must hold together: closing each would leave nothing that fits both."""
    if isinstance(schema, list):
        return any(_combines(part) for part in schema)
    if not isinstance(schema, Mapping):
        return False
    return not _COMBINING.isdisjoint(schema) or any(_combines(value) for value in schema.values())


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


class Answer:
    """An answer as it grows."""

    def __init__(self, *, prompt_tokens: int, is_json: bool) -> None:
        self._prompt_tokens = prompt_tokens
        self._is_json = is_json
        self._parts: list[str] = []
        self.completion_tokens = 0
        self.finish_reason: FinishReason | None = None

    def add(self, text: str) -> TextDelta:
        self._parts.append(text)
        return TextDelta(text=text)

    def finished(self) -> Generation:
        if self.finish_reason is None:
            raise ModelUnavailable("The language model broke off; try again shortly.", retry_after_s=5)
        text = "".join(self._parts)
        if self._is_json and self.finish_reason == "stop":
            _check_json(text)
        return Generation(
            text=text,
            finish_reason=self.finish_reason,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self.completion_tokens,
        )


def _check_json(text: str) -> None:
    """Raise InternalError for what is no JSON: an engine whose grammar gives up writes on without it."""
    try:
        json.loads(text)
    except ValueError as error:
        raise InternalError("The language model left the JSON schema.") from error


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Room for one answer in an engine."""

    tokens: int


class Places:
    """Slots and cache room of an engine, given in the order of asking. For one event loop."""

    def __init__(self, *, slots: int, tokens: int | None, max_queue: int) -> None:
        self._slots = slots
        self._tokens = tokens  # None: the engine shares out its cache itself
        self._max_queue = max_queue
        self._taken: set[Place] = set()
        self._waiting: deque[tuple[Place, asyncio.Future[None]]] = deque()

    @property
    def taken(self) -> int:
        return len(self._taken)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def take(self, tokens: int) -> Place:
        """Return a place once there is one; the caller gives it back. Raises ModelQueueFull when too many wait."""
        if self._tokens is not None:
            tokens = min(tokens, self._tokens)
        place = Place(tokens)
        if not self._waiting and self._fits(place):
            self._taken.add(place)
            return place
        if len(self._waiting) >= self._max_queue:
            raise ModelQueueFull("The queue in front of the language model is full; try again.", retry_after_s=10)
        turn = asyncio.get_running_loop().create_future()
        entry = (place, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._admit()  # the next one may need less room
            else:
                self.give_back(place)
            raise
        return place

    def give_back(self, place: Place) -> None:
        self._taken.discard(place)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            place, turn = self._waiting.popleft()
            self._taken.add(place)
            if turn.cancelled():  # its caller is being cancelled and has not run yet
                self._taken.discard(place)
            else:
                turn.set_result(None)

    def _fits(self, place: Place) -> bool:
        if len(self._taken) >= self._slots:
            return False
        return self._tokens is None or sum(p.tokens for p in self._taken) + place.tokens <= self._tokens
