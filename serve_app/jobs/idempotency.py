"""Requests that are the same request, sent again (`Idempotency-Key`)."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from serve_app.errors import InvalidRequest

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(sent: str) -> str:
    """Return the key a client sent; raises InvalidRequest for one that is not 1 to 255 visible ASCII characters."""
    if not _KEY.fullmatch(sent):
        raise InvalidRequest(
            "`Idempotency-Key` must be 1 to 255 visible ASCII characters, e.g. a UUID.", field="Idempotency-Key"
        )
    return sent


def fingerprint(**parts: Any) -> str:
    """Return a name for what a request asks: the same for the same JSON values, whatever their order or spelling.

    Files are named by their digest: `fingerprint(route="POST /v1/tts", fields={…}, files={"audio_ref": sha256})`.
    """
    canonical = json.dumps(_plain(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _plain(value: Any) -> Any:
    """Return a JSON value in which 1.0 is 1, since clients' languages differ in how they write it."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidRequest("Numbers must be finite.")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
