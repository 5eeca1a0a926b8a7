"""Server-sent events, read back."""

from __future__ import annotations

import json
from typing import Any


def events_of(body: str) -> list[tuple[str, Any]]:
    """Return the name and the JSON of every event; `[DONE]` is None. Comments are left out."""
    found = []
    for block in body.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            data = lines["data"]
            found.append((lines.get("event", ""), None if data == "[DONE]" else json.loads(data)))
    return found
