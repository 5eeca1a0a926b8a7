"""OpenAPI descriptions of the platform dialect. The forms are read by our own parser, so FastAPI cannot derive them."""

from __future__ import annotations

from typing import Any

from serve_app.admission.catalogue import DEFAULT_MODEL
from serve_app.api.rendering import RESPONSE_FORMATS

Schema = dict[str, Any]
Responses = dict[int | str, Schema]


def nullable(kind: str, description: str) -> Schema:
    return {"type": [kind, "null"], "description": description}


def listing(item: Schema, description: str = "") -> Schema:
    return {"type": "array", "items": item, **({"description": description} if description else {})}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def response(description: str, schema: Schema, media_type: str = "application/json") -> Schema:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def multipart(schema: Schema) -> Schema:
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


EVENTS = {"description": "Server-sent events. Some tools take this for the whole text, others for one event."}
SECONDS = {"type": "number", "description": "Seconds from the start of the file that was sent."}
SCORE = {"type": "number", "minimum": 0, "maximum": 1}
FILE = {
    "type": "string",
    "format": "binary",
    "description": "Audio or video: MP3 WAV FLAC OGG M4A AAC OPUS WMA MP4 WebM MKV AVI MOV WMV MPG MPEG.",
}
LANGUAGE = {
    "type": "string",
    "default": "auto",
    "description": "ISO 639-1 code, or `auto` to detect it. See `GET /v1/languages`.",
    "examples": ["en", "auto"],
}
_TEXT = {"type": "string"}
_SPEAKERS = {"type": "integer", "minimum": 0, "maximum": 100}

COMPONENTS: dict[str, Schema] = {
    "Error": {
        "type": "object",
        "required": ["error", "error_code", "details", "request_id"],
        "properties": {
            "error": {"type": "string", "description": "A sentence a person can act on."},
            "error_code": {"type": "string", "examples": ["INVALID_REQUEST"]},
            "details": {"type": "object", "description": "E.g. the field at fault and what it accepts, or the limit."},
            "request_id": {"type": "string", "description": "As in `X-Request-ID`."},
        },
    },
    "Word": {
        "type": "object",
        "required": ["word", "start", "end", "confidence"],
        "properties": {
            "word": {"type": "string", "description": "The word with its punctuation."},
            "start": SECONDS,
            "end": SECONDS,
            "confidence": SCORE,
            "speaker": {"type": "string", "examples": ["Speaker 1"]},
        },
    },
    "Segment": {
        "type": "object",
        "required": ["start", "end", "text", "confidence"],
        "properties": {
            "start": SECONDS,
            "end": SECONDS,
            "text": {"type": "string"},
            "speaker": {"type": "string", "description": "With `diarize` only.", "examples": ["Speaker 1"]},
            "confidence": SCORE,
            "language": nullable("string", "ISO 639-1 code."),
            "words": listing(reference("Word"), "Absent with `timestamps=segment`."),
        },
    },
    "Warning": {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    },
    "Transcript": {
        "type": "object",
        "required": ["text", "language", "duration", "segments", "speakers", "model", "warning_codes", "request_id"],
        "properties": {
            "text": {"type": "string", "description": "Empty when no speech was found; `warning_codes` says why."},
            "language": nullable("string", "ISO 639-1 code; null without speech."),
            "duration": {"type": "number", "description": "Seconds of the recording."},
            "segments": listing(reference("Segment")),
            "speakers": listing({"type": "string"}, "In order of first appearance; empty without `diarize`."),
            "model": {"type": "string", "description": "The model that answered."},
            "snr_db": nullable("number", "Signal-to-noise ratio of the recording."),
            "warnings": listing(reference("Warning")),
            "warning_codes": listing({"type": "string"}),
            "request_id": {"type": "string"},
            "translation": {"type": "object", "description": "With `translate_to`: `language`, `text`, `segments`."},
            "transcript_id": {"type": "string", "description": "Where it is kept: `GET /api/v1/transcripts/{id}/`."},
        },
    },
    "Model": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by", "name", "languages", "speed", "available"],
        "properties": {
            "id": {"type": "string", "examples": [DEFAULT_MODEL]},
            "object": {"const": "model"},
            "created": {"type": "integer"},
            "owned_by": {"type": "string"},
            "name": {"type": "string"},
            "languages": {"type": "integer", "description": "How many languages it knows."},
            "speed": {"type": "string", "enum": ["standard", "fast", "very_fast"]},
            "available": {"type": "boolean", "description": "Loaded here; another answers for one that is not."},
        },
    },
    "Health": {
        "type": "object",
        "required": ["status", "gpu_available", "gpu_name", "gpu_memory_mb", "deployments"],
        "properties": {
            "status": {"type": "string", "enum": ["ok", "degraded", "starting"]},
            "gpu_available": {"type": "boolean"},
            "gpu_name": nullable("string", "The first GPU."),
            "gpu_memory_mb": nullable("integer", "Its memory."),
            "deployments": {"type": "object", "description": "State by deployment."},
        },
    },
}

_FAULTS = {
    400: "Bad input: the error names the field and what it accepts, or what is wrong with the file.",
    401: "The API key or token is not valid.",
    402: "The credits do not cover the recording; `details` says what is needed and what is left.",
    413: "The file or the recording is over the limit in `details.limit`.",
    429: "A limit or a queue is full; `Retry-After` says when to try again.",
    503: "A model is down; `Retry-After` says when to try again.",
}
ERRORS: Responses = {status: response(text, reference("Error")) for status, text in _FAULTS.items()}

TRANSCRIBE_BODY = multipart(
    {
        "type": "object",
        "description": "Send `file` or `url`. Unknown fields are ignored.",
        "properties": {
            "file": FILE,
            "url": {"type": "string", "format": "uri", "description": "Fetched by the service instead of `file`."},
            "model": {
                "type": "string",
                "default": DEFAULT_MODEL,
                "description": "See `GET /v1/models`. `model` in the response says which one answered.",
            },
            "language": LANGUAGE,
            "diarize": {"type": "boolean", "default": True, "description": "Say who speaks."},
            "speakers": {**_SPEAKERS, "default": 0, "description": "Number of speakers; 0 finds out."},
            "min_speakers": {**_SPEAKERS, "description": "At least so many speakers."},
            "max_speakers": {**_SPEAKERS, "description": "At most so many speakers."},
            "response_format": {
                "type": "string",
                "enum": list(RESPONSE_FORMATS),
                "default": "json",
                "description": "`verbose_json` is `json`, `text` is `txt`.",
            },
            "timestamps": {
                "type": "string",
                "enum": ["word", "segment"],
                "default": "word",
                "description": "`segment` leaves the words out of the JSON.",
            },
            "keywords": {"type": "string", "description": "Names and terms to expect, separated by commas."},
            "context": {"type": "string", "description": "What the recording is about; guides spelling and style."},
            "translate_to": {
                "type": "string",
                "description": "A language to translate the transcript to as well, at the same times: `translation` in "
                "the JSON; text and subtitles are in this language.",
                "examples": ["fr"],
            },
            "redact": {
                "type": "boolean",
                "default": False,
                "description": "Leave personal data out of everything that is answered and kept: typed placeholders "
                "(`[PERSON_1]`, `[EMAIL_1]`) stand for it. In a stream no segments come before the end.",
            },
            "store": {
                "type": "boolean",
                "default": True,
                "description": "Keep the transcript in the caller's account.",
            },
            "stream": {
                "type": "boolean",
                "default": False,
                "description": "Answer with server-sent events: `progress`, `segment` as they are ready, then `done` "
                "with the whole transcript, or `error`.",
            },
        },
    }
)

TRANSCRIBE_RESPONSES: Responses = {
    200: {
        "description": "The transcript in the format asked for.",
        "content": {
            "application/json": {"schema": reference("Transcript")},
            "text/plain": {"schema": {"type": "string"}},
            "application/x-subrip": {"schema": {"type": "string"}},
            "text/vtt": {"schema": {"type": "string"}},
            "text/event-stream": {"schema": EVENTS},
        },
    }
}

MODELS_RESPONSES: Responses = {
    200: response(
        "The models.",
        {
            "type": "object",
            "required": ["object", "models", "data"],
            "properties": {
                "object": {"const": "list"},
                "models": listing(reference("Model")),
                "data": listing(reference("Model"), "The same, where OpenAI's clients look."),
            },
        },
    )
}
LANGUAGES_RESPONSES: Responses = {
    200: response(
        "The languages.",
        {
            "type": "object",
            "required": ["languages"],
            "properties": {
                "languages": listing(
                    {"type": "object", "required": ["code", "name"], "properties": {"code": _TEXT, "name": _TEXT}}
                )
            },
        },
    )
}
HEALTH_RESPONSES: Responses = {
    200: response("Able to serve.", reference("Health")),
    503: response("Not able to serve (yet).", reference("Health")),
}
