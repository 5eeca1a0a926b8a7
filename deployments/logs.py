"""The application's log lines beside Serve's own, in the files of the Ray session.

Our loggers write `event name=value name=value`, or a JSON object with an `event`: a line that a person can read in
plain logs. Where Serve's config asks for JSON, event and values become fields of the object that Serve writes.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.errors import SpeechError

_LINE = re.compile(r"[a-z][a-z0-9_]*(?: \w+=\S*)*")
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def use_serve_log() -> None:
    """Send the `hark` loggers through this replica's Serve log; without it nobody would ever read them."""
    serve_log = logging.getLogger("ray.serve")
    ours = logging.getLogger("hark")
    ours.handlers = list(serve_log.handlers)
    ours.setLevel(serve_log.level or logging.INFO)
    ours.propagate = False
    serve_log.addFilter(without_callers_faults)
    for handler in ours.handlers:
        if _writes_json(handler) and with_fields not in handler.filters:
            handler.addFilter(with_fields)  # after Serve's own filters: our request id is a job's, too


def without_callers_faults(record: logging.LogRecord) -> bool:
    """Keep a call that failed for its caller's own fault from being an error of this replica, with its traceback.

    Serve writes so of whatever a deployment raises. The ingress answers the caller, and says so in its access line.
    """
    fault = record.exc_info[1] if record.exc_info else None
    return not (isinstance(fault, SpeechError) and fault.status < 500)


def with_fields(record: logging.LogRecord) -> bool:
    """Make the event of one of our lines its message, and the line's values fields; leave other lines as they are."""
    if record.name.partition(".")[0] == "hark":
        fields = _fields(record.getMessage())
        if "event" in fields:
            record.msg, record.args = fields["event"], ()
            for name in fields.keys() - _OWN_FIELDS:
                setattr(record, name, fields[name])
    return True


def _fields(line: str) -> Mapping[str, Any]:
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    if not _LINE.fullmatch(line):
        return {}
    event, *pairs = line.split(" ")
    return {"event": event} | {name: _value(text) for name, _, text in (pair.partition("=") for pair in pairs)}


def _value(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _writes_json(handler: logging.Handler) -> bool:
    return any("JSON" in type(formatter).__name__ for formatter in _formatters(handler))


def _formatters(handler: logging.Handler) -> Iterator[logging.Formatter]:
    if handler.formatter is not None:
        yield handler.formatter
    target = getattr(handler, "target", None)  # Serve's handlers keep lines in memory for another one
    if target is not None:
        yield from _formatters(target)
