"""The body of a chat completion. What would change the answer and is not supported is refused, not passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import Field

from serve_app.api.account.bodies import Body
from serve_app.api.fields import refuse
from serve_app.api.text.bodies import missing
from serve_app.errors import InvalidRequest
from serve_app.ports.language import ChatMessage, GenerateOptions, Role

DEFAULT_TEMPERATURE = 0.7
MOST_STOPS = 16

_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_FORMATS = ("text", "json_object", "json_schema")


class ChatBody(Body):
    messages: list[dict[str, Any]] | None = Field(None, description="a list of messages with role and content")
    model: str | None = Field(None, description="a language model's id of GET /v1/models")
    stream: bool | None = Field(None, description="true or false")
    stream_options: dict[str, Any] | None = Field(None, description='an object like {"include_usage": true}')
    max_tokens: int | None = Field(None, ge=1, description="a whole number from 1")
    max_completion_tokens: int | None = Field(None, ge=1, description="a whole number from 1")
    temperature: float | None = Field(None, ge=0, le=2, description="a number from 0 to 2")
    top_p: float | None = Field(None, gt=0, le=1, description="a number above 0, up to 1")
    stop: str | list[str] | None = Field(None, description=f"a text, or at most {MOST_STOPS} of them")
    seed: int | None = Field(None, description="a whole number")
    response_format: dict[str, Any] | None = Field(None, description=f"an object whose type is {', '.join(_FORMATS)}")
    n: int | None = Field(None, ge=1, le=1, description="1")
    logprobs: bool | None = Field(None, description="false")
    tools: list[dict[str, Any]] | None = Field(None, description="none: the models here call no tools")

    def conversation(self) -> list[ChatMessage]:
        """Return the messages; raises InvalidRequest for what is none."""
        if not self.messages:
            raise missing("messages", ChatBody)
        if self.tools or self.logprobs:
            name = "tools" if self.tools else "logprobs"
            raise InvalidRequest(f"The field {name!r} is not supported here.", field=name)
        return [_message(index, message) for index, message in enumerate(self.messages)]

    def options(self, request_id: str) -> GenerateOptions:
        """Return how to answer; raises InvalidRequest."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        if len(stops) > MOST_STOPS:
            refuse("stop", f"{len(stops)} texts", accepted=[f"at most {MOST_STOPS}"])
        return GenerateOptions(
            max_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=DEFAULT_TEMPERATURE if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            stop=tuple(stop for stop in stops if stop),
            seed=self.seed,
            json_schema=_schema(self.response_format),
            request_id=request_id,
        )

    def wants_usage(self) -> bool:
        return bool((self.stream_options or {}).get("include_usage"))


def _message(index: int, message: Mapping[str, Any]) -> ChatMessage:
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        refuse(f"messages[{index}].role", str(message.get("role")), accepted=list(_ROLES))
    return ChatMessage(role=role, content=_text(index, message.get("content")))


def _text(index: int, content: Any) -> str:
    """Return a message's text, which may come in parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        _not_text(index)
    parts = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            _not_text(index)
        parts.append(part["text"])
    return "".join(parts)


def _not_text(index: int) -> NoReturn:
    refuse(f"messages[{index}].content", "that", accepted=["a text", "a list of parts of type text"])


def _schema(wanted: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    kind = "text" if wanted is None else wanted.get("type")
    if wanted is None or kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    if kind != "json_schema":
        refuse("response_format", str(kind), accepted=_FORMATS)
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    if not isinstance(schema, Mapping):
        raise InvalidRequest("The field 'response_format' needs json_schema.schema.", field="response_format")
    return schema
