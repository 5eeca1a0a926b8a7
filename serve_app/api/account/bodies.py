"""JSON bodies of requests. A bad one is refused with the field's name and what it accepts."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from serve_app.errors import FileTooLarge, InvalidRequest

MAX_BODY_BYTES = 64 * 1024


class Body(BaseModel):
    """A JSON object; the description of each of its fields says what it accepts. Unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


B = TypeVar("B", bound=Body)


async def json_body(request: Request, kind: type[B], *, max_bytes: int = MAX_BODY_BYTES) -> B:
    """Return a request's body; an empty one is an object without fields.

    Raises InvalidRequest, or FileTooLarge over `max_bytes`.
    """
    content = await bounded_body(request, max_bytes=max_bytes)
    try:
        return kind.model_validate_json(content if content.strip() else b"{}")
    except ValidationError as error:
        raise _refusal(kind, error) from None  # its message would repeat what was sent


async def bounded_body(request: Request, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return a request's body. Raises FileTooLarge as soon as more than `max_bytes` have come."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > max_bytes:
            raise FileTooLarge(f"A JSON body has at most {max_bytes} bytes.", limit=max_bytes)
    return bytes(content)


def _refusal(kind: type[Body], error: ValidationError) -> InvalidRequest:
    names = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors() if fault["loc"])
    if not names:
        return InvalidRequest("The body must be a JSON object.")
    faults: list[dict[str, Any]] = [
        {"field": name, "accepted": [kind.model_fields[name].description or ""]} for name in names
    ]
    named = " ".join(f"The field {fault['field']!r} accepts {fault['accepted'][0]}." for fault in faults)
    return InvalidRequest(named, **faults[0], fields=faults)
