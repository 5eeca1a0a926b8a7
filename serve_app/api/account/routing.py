"""What the routes of the Account API have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.fields import Fields

PREFIX = "/api/v1"
NO_STORE = {"Cache-Control": "no-store"}  # what an account has is not for caches on the way


class SlashRouter(APIRouter):
    """Answers every path with and without its last slash, never by a redirect. Only the one with it is documented."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().add_api_route(path, endpoint, **options)
        super().add_api_route(path.removesuffix("/"), endpoint, **{**options, "include_in_schema": False})


def private_json(view: Any, status: int = 200) -> Response:
    """Return JSON that only its caller should keep."""
    return Response(json_bytes(view), status, NO_STORE, media_type="application/json")


def json_bytes(view: Any, *, indent: int | None = None) -> bytes:
    """Return JSON in UTF-8; half surrogates, which UTF-8 has no place for, become question marks."""
    return json.dumps(view, ensure_ascii=False, allow_nan=False, indent=indent).encode("utf-8", "replace")


def query_of(request: Request) -> Fields:
    """Return the query parameters by name."""
    parameters = request.query_params
    return Fields({name: parameters.getlist(name) for name in parameters})


def utc_now() -> datetime:
    return datetime.now(UTC)
