"""OpenAPI descriptions of the OpenAI dialect."""

from __future__ import annotations

from serve_app.api.platform.schemas import (
    EVENTS,
    FILE,
    LANGUAGE,
    Responses,
    Schema,
    listing,
    multipart,
    reference,
    response,
)

COMPONENTS: dict[str, Schema] = {
    "OpenAIError": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "code", "param"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string", "examples": ["invalid_request_error"]},
                    "code": {"type": ["string", "null"]},
                    "param": {"type": ["string", "null"], "description": "The field at fault."},
                },
            }
        },
    },
    "OpenAITranscription": {
        "type": "object",
        "required": ["text"],
        "description": "`json`; `verbose_json` and `diarized_json` add language, duration, segments and words.",
        "properties": {
            "text": {"type": "string"},
            "task": {"type": "string", "enum": ["transcribe", "translate"]},
            "language": {"type": "string", "description": "English name."},
            "duration": {"type": "number"},
            "segments": listing({"type": "object"}),
            "words": listing(
                {
                    "type": "object",
                    "required": ["word", "start", "end"],
                    "properties": {
                        "word": {"type": "string"},
                        "start": {"type": "number"},
                        "end": {"type": "number"},
                    },
                }
            ),
            "usage": {"type": "object", "description": '`{"type": "duration", "seconds": …}`'},
            "model": {"type": "string", "description": "The model that answered."},
            "warning_codes": listing({"type": "string"}),
        },
    },
}

_FAULTS = {
    400: "Bad input; `param` names the field.",
    401: "The API key is not valid.",
    402: "The credits do not cover the work.",
    413: "The file or the recording is too large.",
    429: "A limit or a queue is full; see `Retry-After`.",
    503: "A model is down; see `Retry-After`.",
}
ERRORS: Responses = {status: response(text, reference("OpenAIError")) for status, text in _FAULTS.items()}
MODEL_ERRORS: Responses = {404: response("No model of this name.", reference("OpenAIError"))}

_TRANSLATION_FIELDS: dict[str, Schema] = {
    "file": FILE,
    "model": {
        "type": "string",
        "description": "See `GET /v1/models`; `whisper-1` is an alias.",
        "examples": ["whisper-1"],
    },
    "prompt": {"type": "string", "description": "Guides spelling and style."},
    "temperature": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
    "response_format": {
        "type": "string",
        "enum": ["json", "text", "srt", "verbose_json", "vtt"],
        "default": "json",
    },
}
TRANSLATION_BODY = multipart({"type": "object", "required": ["file", "model"], "properties": _TRANSLATION_FIELDS})
TRANSCRIPTION_BODY = multipart(
    {
        "type": "object",
        "required": ["file", "model"],
        "properties": {
            **_TRANSLATION_FIELDS,
            "language": LANGUAGE,
            "languages[]": listing({"type": "string"}, "Candidates for detection."),
            "keywords[]": listing({"type": "string"}, "Names and terms to expect."),
            "response_format": {
                "type": "string",
                "enum": ["json", "text", "srt", "verbose_json", "vtt", "diarized_json"],
                "default": "json",
                "description": "`diarized_json` says who speaks.",
            },
            "timestamp_granularities[]": listing(
                {"type": "string", "enum": ["segment", "word"]}, "With `verbose_json`; `segment` when absent."
            ),
            "stream": {
                "type": "boolean",
                "default": False,
                "description": "Answer with server-sent events: `transcript.text.delta`, `transcript.text.segment` "
                "with `diarized_json`, then `transcript.text.done`.",
            },
        },
    }
)
RESPONSES: Responses = {
    200: {
        "description": "The text in the format asked for.",
        "content": {
            "application/json": {"schema": reference("OpenAITranscription")},
            "text/plain": {"schema": {"type": "string"}},
            "application/x-subrip": {"schema": {"type": "string"}},
            "text/vtt": {"schema": {"type": "string"}},
            "text/event-stream": {"schema": EVENTS},
        },
    }
}

_USAGE = {"type": "object", "description": "`prompt_tokens`, `completion_tokens`, `total_tokens`."}
EMBEDDING_RESPONSES: Responses = {200: response("The vectors.", reference("OpenAIEmbeddings"))}
CHAT_RESPONSES: Responses = {
    200: {
        "description": "The answer; with `stream`, chunks of it as server-sent events, and `[DONE]`.",
        "content": {
            "application/json": {"schema": reference("OpenAIChatCompletion")},
            "text/event-stream": {"schema": EVENTS},
        },
    }
}
COMPONENTS |= {
    "OpenAIEmbeddings": {
        "type": "object",
        "required": ["object", "data", "model", "usage"],
        "properties": {
            "object": {"const": "list"},
            "data": listing({"type": "object"}, "`embedding`: numbers, or their float32 bytes in base64; `index`."),
            "model": {"type": "string"},
            "usage": _USAGE,
        },
    },
    "OpenAIChatCompletion": {
        "type": "object",
        "required": ["id", "object", "created", "model", "choices", "usage"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "chat.completion"},
            "created": {"type": "integer"},
            "model": {"type": "string"},
            "choices": listing({"type": "object"}, "One, with `message` and `finish_reason` `stop` or `length`."),
            "usage": _USAGE,
        },
    },
}
