"""The application's log lines beside Serve's own, in the files of the Ray session."""

from __future__ import annotations

import logging


def use_serve_log() -> None:
    """Send the `hark` loggers through this replica's Serve log; without it nobody would ever read them."""
    serve_log = logging.getLogger("ray.serve")
    ours = logging.getLogger("hark")
    ours.handlers = list(serve_log.handlers)
    ours.setLevel(serve_log.level or logging.INFO)
    ours.propagate = False
