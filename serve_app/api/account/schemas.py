"""OpenAPI descriptions of the Account API."""

from __future__ import annotations

from typing import Any, get_args

from serve_app.api.account.bodies import Body
from serve_app.api.platform.schemas import Responses, Schema, listing, nullable, reference, response
from serve_app.ports.records import Role, TranscriptStatus

__all__ = ["reference", "response"]

STATUSES: tuple[str, ...] = get_args(TranscriptStatus)
EXPORT_FORMATS = ("txt", "srt", "vtt", "json", "csv", "docx", "pdf")
DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET = 20, 100, 10**9
MAX_Q = 500

_TIME = {"type": "string", "format": "date-time"}
_MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}
_UUID = {"type": "string", "format": "uuid"}
_COUNT = {"type": "integer", "minimum": 0}


def body_of(kind: type[Body]) -> Schema:
    """Return a request's JSON body as an addition to its operation."""
    return {"requestBody": {"content": {"application/json": {"schema": kind.model_json_schema()}}}}


def query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def page_of(name: str, *, linked: bool = False) -> Schema:
    """Return a list with its count; `linked` pages say where the others are."""
    properties: Schema = {"count": {**_COUNT, "description": "In all."}, "results": listing(reference(name))}
    if linked:
        properties |= {
            "limit": {"type": "integer"},
            "offset": _COUNT,
            "next": nullable("string", "URL of the next page."),
            "previous": nullable("string", "URL of the page before."),
        }
    return _object(properties)


def _object(properties: Schema, *, optional: tuple[str, ...] = (), description: str = "") -> Schema:
    required = [name for name in properties if name not in optional]
    described = {"description": description} if description else {}
    return {"type": "object", **described, "required": required, "properties": properties}


def _limit(kind: str, description: str) -> Schema:
    return nullable(kind, f"{description}; null is unlimited.")


_USED: dict[str, Any] = {
    "requests": _COUNT,
    "minutes": {"type": "number", "description": "Of audio."},
    "credits": _COUNT,
}
_BY_FEATURE = listing(_object({"feature": {"type": "string", "examples": ["stt"]}, **_USED}))
_KEY: dict[str, Any] = {
    "id": _UUID,
    "name": {"type": "string"},
    "prefix": {"type": "string", "description": "The secret's first characters, to tell keys apart."},
    "active": {"type": "boolean", "description": "Neither revoked nor expired."},
    "created_at": _TIME,
    "last_used_at": {**_MAYBE_TIME, "description": "Exact to a minute."},
    "expires_at": _MAYBE_TIME,
    "revoked_at": _MAYBE_TIME,
}
_ENTRY: dict[str, Any] = {
    "id": _UUID,
    "slug": {"type": "string", "description": "A readable name; stands for the id in URLs."},
    "title": {"type": "string"},
    "status": {"type": "string", "enum": list(STATUSES)},
    "language": nullable("string", "ISO 639-1 code."),
    "model": nullable("string", "The model that answered."),
    "duration": {"type": "number", "description": "Seconds of the recording."},
    "created_at": _TIME,
    "expires_at": {**_MAYBE_TIME, "description": "When it is deleted; null: not by itself."},
}

COMPONENTS: dict[str, Schema] = {
    "Account": _object(
        {
            "id": _UUID,
            "email": nullable("string", "As the issuer of the caller's tokens says."),
            "name": {"type": "string"},
            "role": {"type": "string", "enum": list(get_args(Role))},
            "plan": {"type": "string", "examples": ["free"]},
            "limits": _object(
                {
                    "concurrency": _limit("integer", "Pieces of work at once"),
                    "requests_per_day": _limit("integer", "Transcriptions in any 24 hours"),
                    "text_requests_per_day": _limit("integer", "Answers about texts in any 24 hours"),
                    "minutes_per_month": _limit("integer", "Minutes of audio in any 30 days"),
                    "max_file_bytes": _limit("integer", "Bytes of a file"),
                    "max_duration_s": _limit("number", "Seconds of a recording"),
                    "charged": {"type": "boolean", "description": "Work is paid with credits."},
                },
                description="Of the plan.",
            ),
            "credits": {**_COUNT, "description": "What can be spent."},
            "email_preferences": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "created_at": _TIME,
        }
    ),
    "ApiKey": _object(_KEY),
    "NewApiKey": _object(
        {**_KEY, "key": nullable("string", "The secret, told this once; null in the answer to a repeated request.")}
    ),
    "Usage": _object(
        {
            "days": {"type": "integer"},
            "date_from": {"type": "string", "format": "date"},
            "date_to": {"type": "string", "format": "date", "description": "Today (UTC)."},
            "totals": _object(_USED),
            "by_feature": _BY_FEATURE,
            "by_day": listing(
                _object({"date": {"type": "string", "format": "date"}, **_USED, "by_feature": _BY_FEATURE}),
                "Every day, newest first.",
            ),
        }
    ),
    "TranscriptEntry": _object(_ENTRY),
    "StoredTranscript": _object(
        {
            **_ENTRY,
            "text": {"type": "string"},
            "segments": listing(reference("Segment")),
            "speakers": listing({"type": "string"}, "In order of first appearance."),
            "warning_codes": listing({"type": "string"}),
        },
        description="What `POST /v1/transcribe` answered, and what is known of it since.",
    ),
    "Cloud": _object(
        {
            "status": {"type": "string", "enum": ["ok", "degraded", "starting"]},
            "count": {**_COUNT, "description": "Of instances."},
            "instances": listing({"type": "object"}, "The nodes of the cluster."),
            "gpu_available": {"type": "boolean"},
            "gpu_name": nullable("string", "The first GPU."),
            "gpu_memory_mb": nullable("integer", "Its memory."),
            "deployments": listing(_object({"name": {"type": "string"}})),
        }
    ),
}

_ERROR = reference("Error")
ERRORS: Responses = {
    400: response("Bad input: the error names the field and what it accepts.", _ERROR),
    401: response("No credentials, or none that are valid.", _ERROR),
    429: response("Too much at once; `Retry-After` says when to try again.", _ERROR),
    503: response("The database or the storage is away; `Retry-After` says when to try again.", _ERROR),
}
TOO_LARGE: Responses = {413: response("The body is too large.", _ERROR)}
FORBIDDEN: Responses = {403: response("Only admins may do this.", _ERROR)}
NOT_FOUND: Responses = {404: response("The account has nothing of this name.", _ERROR)}
CONFLICT: Responses = {409: response("The state of things, or an earlier request, does not allow it.", _ERROR)}

IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "A request that is repeated with the same key is carried out once.",
}
_INSTANT = {"anyOf": [{"type": "string", "format": "date"}, _TIME]}
LIST_PARAMETERS: list[Schema] = [
    query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}, "At most."),
    query("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}, "How many to skip."),
    query("status", {"type": "string", "enum": list(STATUSES)}, "Only these."),
    query("language", {"type": "string", "examples": ["en"]}, "ISO 639-1 code, or an English name."),
    query("date_from", _INSTANT, "Made at this time or later; a date is its first moment (UTC)."),
    query("date_to", _INSTANT, "Made before this time; of a date, all of the day (UTC)."),
    query("q", {"type": "string", "maxLength": MAX_Q}, "Every word of it begins a word of the title or the text."),
]
