"""The application's log lines beside Serve's own, in the files of the Ray session."""

from __future__ import annotations

import logging

from serve_app.errors import SpeechError


def use_serve_log() -> None:
    """Send the `hark` loggers through this replica's Serve log; without it nobody would ever read them."""
    serve_log = logging.getLogger("ray.serve")
    ours = logging.getLogger("hark")
    ours.handlers = list(serve_log.handlers)
    ours.setLevel(serve_log.level or logging.INFO)
    ours.propagate = False
    serve_log.addFilter(without_callers_faults)


def without_callers_faults(record: logging.LogRecord) -> bool:
    """Keep a call that failed for its caller's own fault from being an error of this replica, with its traceback.

    Serve writes so of whatever a deployment raises. The ingress answers the caller, and says so in its access line.
    """
    fault = record.exc_info[1] if record.exc_info else None
    return not (isinstance(fault, SpeechError) and fault.status < 500)
