"""JSON schemas as engines keep to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LITERAL = ("const", "default", "enum", "examples")
_COMBINING = frozenset({"allOf", "not", "if", "dependentSchemas", "unevaluatedProperties"})


def tightened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a narrower schema for llguidance, whose every instance is one of the original.

    Where a small model may put any whitespace, or any further key, it sometimes does so without end: one space goes
    between tokens, and objects have the keys that are named.
    """
    spacing = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    closed = dict(schema) if _combines(schema) else _closed(schema)
    return {**closed, "x-guidance": spacing}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: value if key in _LITERAL else _closed(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), Mapping) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _combines(schema: Any) -> bool:
    """Whether subschemas must hold together: closing each would leave nothing that fits both."""
    if isinstance(schema, list):
        return any(_combines(part) for part in schema)
    if not isinstance(schema, Mapping):
        return False
    return not _COMBINING.isdisjoint(schema) or any(_combines(value) for value in schema.values())
