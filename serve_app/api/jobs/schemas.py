"""OpenAPI descriptions of the jobs dialect."""

from __future__ import annotations

from typing import Any, get_args

from serve_app.api.account.schemas import CONFLICT, IDEMPOTENCY_KEY, NOT_FOUND
from serve_app.api.platform.schemas import ERRORS, LANGUAGE, Responses, Schema, listing, nullable, reference, response
from serve_app.api.rendering import RESPONSE_FORMATS
from serve_app.jobs.model import JobKind, JobStatus

__all__ = ["CONFLICT", "ERRORS", "IDEMPOTENCY_KEY", "NOT_FOUND"]

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
KINDS: tuple[JobKind, ...] = get_args(JobKind)
STATUSES: tuple[JobStatus, ...] = get_args(JobStatus)

_UUID = {"type": "string", "format": "uuid"}
_TIME = {"type": ["string", "null"], "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_STATUS = {"type": "string", "enum": list(STATUSES)}
_SPEAKERS = {"type": "integer", "minimum": 0, "maximum": 100}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


COMPONENTS: dict[str, Schema] = {
    "UploadSlot": _object(
        {
            "job_id": _UUID,
            "status": {"const": "waiting_upload"},
            "upload_url": {"type": "string", "format": "uri", "description": "PUT the file here, without credentials."},
            "upload_method": {"const": "PUT"},
            "headers": {"type": "object", "description": "To be sent with the upload, exactly so."},
            "expires_in": {**_COUNT, "description": "Seconds until the slot expires."},
        }
    ),
    "JobStart": _object({"job_id": _UUID, "status": _STATUS, "credits_reserved": _COUNT}),
    "Job": _object(
        {
            "job_id": _UUID,
            "kind": {"type": "string", "enum": list(KINDS)},
            "status": _STATUS,
            "progress": {"type": "number", "minimum": 0, "maximum": 1},
            "stage": nullable("string", "What is being done, e.g. recognizing."),
            "created_at": {"type": "string", "format": "date-time"},
            "started_at": _TIME,
            "finished_at": _TIME,
            "attempts": {**_COUNT, "description": "How often a worker has picked it up."},
            "error": nullable("string", "Why it failed."),
            "error_code": nullable("string", "As in errors of requests."),
            "credits_reserved": _COUNT,
            "credits_charged": _COUNT,
        }
    ),
}

SLOT = response("Where to upload to.", reference("UploadSlot"))
STARTED = response("The job waits for a worker; its credits are reserved.", reference("JobStart"))
STARTED_BEFORE = response("It was started so before.", reference("JobStart"))
JOB = response("The job.", reference("Job"))
JOB_PAGE = response(
    "The jobs.",
    _object({"jobs": listing(reference("Job")), "next_cursor": nullable("string", "Null at the end.")}),
)
RESULT: Responses = {
    200: {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
    206: {
        "description": "The part of it that `Range` asks for.",
        "content": {"application/octet-stream": {"schema": {"type": "string"}}},
    },
    307: {"description": "It lies at `Location`."},
}
SECRET = response(
    "The secret.", _object({"secret": {"type": "string", "description": "Key of the HMAC-SHA256 in `Hark-Signature`."}})
)
ALL = _query("all", {"type": "boolean", "default": False}, "For admins: everybody's jobs.")
LIST_QUERY: list[Any] = [
    _query("kind", {"type": "string", "enum": list(KINDS)}, "Only of this kind."),
    _query("status", _STATUS, "Only in this state."),
    _query(
        "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}, "So many at most."
    ),
    _query("cursor", _UUID, "`next_cursor` of the page before."),
]
CONTENT_TYPE = _query(
    "content_type", {"type": "string", "default": "application/octet-stream"}, "Of the file, e.g. audio/wav."
)
FORMAT = _query("format", {"type": "string", "enum": list(RESPONSE_FORMATS), "default": "json"}, "Of the transcript.")
START_BODY: Schema = {
    "required": False,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": "All fields are optional, unknown ones are ignored.",
                "properties": {
                    "language": LANGUAGE,
                    "model": {"type": "string", "description": "See `GET /v1/models`."},
                    "diarize": {"type": "boolean", "default": True, "description": "Say who speaks."},
                    "speakers": {**_SPEAKERS, "default": 0, "description": "Number of speakers; 0 finds out."},
                    "min_speakers": {**_SPEAKERS, "description": "At least so many."},
                    "max_speakers": {**_SPEAKERS, "description": "At most so many."},
                    "keywords": {"type": ["string", "array"], "items": {"type": "string"}},
                    "context": {"type": "string", "description": "What the recording is about."},
                    "title": {"type": "string", "maxLength": 200, "description": "Of the stored transcript."},
                    "webhook_url": {
                        "type": "string",
                        "format": "uri",
                        "description": "Told when the job has completed or failed; signed, see `/v1/webhooks/secret`.",
                    },
                },
            }
        }
    },
}
