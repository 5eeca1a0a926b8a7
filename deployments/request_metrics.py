"""Answered requests as measurements."""

from __future__ import annotations

from collections.abc import Callable

from serve_app.api.services import Access
from serve_app.ports import metrics
from serve_app.ports.metrics import Meter

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def request_observer(meter: Meter) -> Callable[[Access], None]:
    """Return what `Services.observe` calls. Callers choose paths and methods, so neither becomes a label as it is."""

    def observe(access: Access) -> None:
        route = access.route or "unmatched"
        method = access.method if access.method in _METHODS else "other"
        meter.add(
            metrics.REQUESTS,
            route=route,
            method=method,
            status=str(access.status),
            error_code=access.error_code or "",
        )
        meter.observe(metrics.REQUEST_SECONDS, access.duration_s, route=route, method=method)
        meter.add(metrics.REQUEST_BYTES, access.body_bytes, route=route)

    return observe
