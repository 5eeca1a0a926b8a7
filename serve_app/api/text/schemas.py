"""OpenAPI descriptions of the routes on texts."""

from __future__ import annotations

from typing import Any

from serve_app.api.platform.schemas import EVENTS, Responses, Schema, listing, nullable, reference, response
from serve_app.insights.results import (
    ActionItems,
    Entities,
    Generated,
    Questions,
    Redaction,
    Sentiment,
    Summary,
    Topics,
)

_ANALYSES = (Sentiment, Topics, Entities, ActionItems, Questions, Redaction)
_TEXT = {"type": "string"}
_MODEL = {"type": "string", "description": "The model that answered."}


def _object(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _described(kind: Any) -> Schema:
    """Return a result's schema with its parts written out in it."""
    schema = kind.model_json_schema(mode="validation")
    return dict(_written_out(schema, schema.pop("$defs", {})))


def _written_out(node: Any, parts: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _written_out(parts[node["$ref"].rpartition("/")[2]], parts)
        return {name: _written_out(value, parts) for name, value in node.items()}
    return [_written_out(each, parts) for each in node] if isinstance(node, list) else node


def _with_model(kind: Any) -> Schema:
    schema = _described(kind)
    schema["properties"] = {**schema["properties"], "model": _MODEL}
    return schema


COMPONENTS: dict[str, Schema] = {
    "Embeddings": _object(
        {
            "embeddings": listing(listing({"type": "number"}), "One vector of unit length for each text."),
            "dimensions": {"type": "integer", "examples": [384]},
            "model": _MODEL,
        }
    ),
    "Translation": _object(
        {"translated_text": _TEXT, "source_language": _TEXT, "target_language": _TEXT, "model": _MODEL}
    ),
    "Translations": _object(
        {
            "translations": listing(
                _object({"translated_text": _TEXT, "source_language": _TEXT, "target_language": _TEXT})
            ),
            "target_language": _TEXT,
            "model": _MODEL,
        }
    ),
    "Summary": _with_model(Summary),
    "Analysis": _object(
        {
            "type": _TEXT,
            "result": {
                "anyOf": [_described(k) for k in (Sentiment, Topics, Entities, ActionItems, Questions, Redaction)]
            },
            "model": _MODEL,
        }
    ),
    "Generated": _with_model(Generated),
    "ChatAnswer": _object(
        {
            "answer": _TEXT,
            "found": {"type": "boolean", "description": "false: the transcript does not say."},
            "sources": listing(
                _object(
                    {
                        "segment_order": {"type": "integer", "description": "The segment's number, from 1."},
                        "text": _TEXT,
                        "score": {"type": "number"},
                        "start_time": nullable("number", "Seconds."),
                    }
                )
            ),
            "session_id": {"type": "string", "format": "uuid"},
            "model": _MODEL,
        }
    ),
}

_ERROR = reference("Error")
ERRORS: Responses = {
    400: response("Bad input: the error names the field and what it accepts.", _ERROR),
    401: response("No credentials, or none that are valid.", _ERROR),
    402: response("The credits do not cover the work.", _ERROR),
    413: response("The body is too large.", _ERROR),
    429: response("A limit or a queue is full; see `Retry-After`.", _ERROR),
    503: response("A model is down, or still being fetched (`MODEL_LOADING`); see `Retry-After`.", _ERROR),
}


def _streamed(name: str) -> Responses:
    content = {"application/json": {"schema": reference(name)}, "text/event-stream": {"schema": EVENTS}}
    return {
        200: {"description": "The answer; with `stream`, events `delta` and a last one, `done`.", "content": content}
    }


EMBED_RESPONSES: Responses = {200: response("The vectors.", reference("Embeddings"))}
TRANSLATE_RESPONSES: Responses = {
    200: response("The translation.", {"anyOf": [reference("Translation"), reference("Translations")]})
}
SUMMARIZE_RESPONSES: Responses = _streamed("Summary")
ANALYZE_RESPONSES: Responses = _streamed("Analysis")
GENERATE_RESPONSES: Responses = _streamed("Generated")
CHAT_RESPONSES: Responses = _streamed("ChatAnswer")
