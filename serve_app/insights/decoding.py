"""Answers of a language model as typed values."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from serve_app.insights.kept import KeptAnswers
from serve_app.insights.settings import InsightsSettings
from serve_app.insights.templates import prompt
from serve_app.ports.language import ChatMessage, GenerateOptions, LanguageModel, TextDelta


class Shape(BaseModel):
    """What a model is asked to fill in. Every field has a default, so that an answer broken off is still one."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})


ShapeT = TypeVar("ShapeT", bound=Shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks one language model on behalf of one request, a few calls at a time.

    `kept` has what the model filled in before, for this request or another: most of what is made of a long text begins
    with the same questions about its windows.
    """

    model: LanguageModel
    settings: InsightsSettings
    request_id: str = ""
    kept: KeptAnswers | None = None
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    async def fill(self, shape: type[ShapeT], text: str, task: str, *, max_tokens: int | None = None) -> ShapeT:
        """Return the shape as the model filled it in; what it did not bring to an end is left out."""
        return await self.judge(shape, conversation(text, task), max_tokens=max_tokens)

    async def judge(
        self, shape: type[ShapeT], messages: Sequence[ChatMessage], *, max_tokens: int | None = None
    ) -> ShapeT:
        """Return the shape as `fill` does, for a conversation of another kind."""
        options = self._options(max_tokens, schema_of(shape))

        async def ask() -> str:
            async with self.slots:
                return (await self.model.generate(messages, options)).text

        return read(shape, await (self.kept.get(_key(messages, options), ask) if self.kept else ask()))

    async def write(
        self, text: str, task: str, *, max_tokens: int | None = None, shape: type[Shape] | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield an answer as it is written. Closing stops the model."""
        options = self._options(max_tokens, schema_of(shape) if shape else None)
        async with self.slots, aclosing(self.model.stream(conversation(text, task), options)) as pieces:
            async for piece in pieces:
                if isinstance(piece, TextDelta):
                    yield piece.text

    def _options(self, max_tokens: int | None, schema: dict[str, Any] | None) -> GenerateOptions:
        return GenerateOptions(
            max_tokens=max_tokens or self.settings.answer_tokens,
            json_schema=schema,
            deadline_s=self.settings.call_deadline_s,
            request_id=self.request_id,
        )


def _key(messages: Sequence[ChatMessage], options: GenerateOptions) -> bytes:
    asked = [[message.role, message.content] for message in messages]
    return hashlib.sha256(json.dumps([asked, options.json_schema, options.max_tokens]).encode()).digest()


def conversation(text: str, task: str) -> Sequence[ChatMessage]:
    """Return the messages of a task on a text.

    The text comes first and under the same words for every task, so that an engine which keeps the computed prefix
    reads it once for all of them.
    """
    return (
        ChatMessage(role="system", content=prompt("system").fill()),
        ChatMessage(role="user", content=f"<text>\n{text}\n</text>\n\n{task}"),
    )


def schema_of(shape: type[Shape]) -> dict[str, Any]:
    """Return the JSON schema of a shape, in which every field is required and references are written out."""
    schema = shape.model_json_schema(mode="serialization")
    return dict(_plain(schema, schema.pop("$defs", {})))


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept = {key: value for key, value in node.items() if key not in {"default", "description"}}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    plain = {key: _plain(value, definitions) for key, value in kept.items()}
    if "properties" in plain:
        plain["required"] = list(plain["properties"])
    return plain


def read(shape: type[ShapeT], answer: str) -> ShapeT:
    """Return an answer as a value; of one that was broken off, what is complete, and at the worst nothing."""
    for text in (answer, *completions(answer)):
        try:
            return shape.model_validate(json.loads(text, strict=False))
        except (json.JSONDecodeError, ValidationError, RecursionError):
            continue
    return shape()


def completions(answer: str) -> list[str]:
    """Return JSON that was broken off, closed behind its last whole object or list, or else in mid-string."""
    stack: list[str] = []
    whole: str | None = None
    in_string = escaped = False
    for at, c in enumerate(answer):
        if in_string:
            in_string = escaped or c != '"'
            escaped = not escaped and c == "\\"
        elif c == '"':
            in_string = True
        elif c in "{[":
            stack.append("}" if c == "{" else "]")
        elif c in "}]" and stack:
            stack.pop()
            whole = answer[: at + 1] + "".join(reversed(stack))
    closed = answer.removesuffix("\\") + ('"' if in_string else "") + "".join(reversed(stack))
    return [text for text in (whole, closed) if text is not None]
