"""Faults in OpenAI's shape, so that its clients raise their own exception types."""

from __future__ import annotations

from typing import Any

from serve_app.errors import SpeechError

_PREFIXES = ("/v1/audio/", "/v1/models/", "/v1/chat/completions", "/v1/embeddings")
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {  # where OpenAI has a code of its own for the fault; its clients' users compare with these
    "UNKNOWN_MODEL": "model_not_found",
    "UNAUTHENTICATED": "invalid_api_key",
    "QUOTA_EXCEEDED": "insufficient_quota",
    "RATE_LIMITED": "rate_limit_exceeded",
    "STT_CONCURRENCY_LIMIT": "rate_limit_exceeded",
    "STT_UPSTREAM_RATE_LIMIT": "rate_limit_exceeded",
    "INTERNAL_ERROR": "server_error",
}


def is_openai_path(path: str) -> bool:
    """Return whether a path belongs to the OpenAI dialect."""
    return path.startswith(_PREFIXES)


def openai_error_body(error: SpeechError) -> dict[str, Any]:
    """Return `{"error": {"message", "type", "code", "param"}}`; `param` names the field at fault."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    param = error.details.get("field", "file" if error.error_code == "MISSING_FILE" else None)
    code = _CODES.get(error.error_code, error.error_code.lower())
    if error.status == 404 and param == "model":
        code = "model_not_found"
    return {"error": {"message": error.message, "type": kind, "code": code, "param": param}}
