"""What makes a service trace: the standard variables of OpenTelemetry, and Serve's own beside them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTER = "opentelemetry.exporter.otlp.proto.http"


class NoExporter(Exception):
    """A collector is named and what sends to it is not installed."""


def tracing_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what Serve's processes need to trace beside `environ`; nothing where no collector is named.

    Raises NoExporter, which says what to install.
    """
    named = next((name for name in _ENDPOINTS if environ.get(name)), None)
    if named is None:
        return {}
    if not _findable(_EXPORTER):
        raise NoExporter(f"{named} is set, and nothing here can send traces: pip install 'hark-speech[otel]'")
    wanted = {
        "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": "deployments.tracing:span_processors",
        # Serve traces one request in a hundred unless told otherwise, which on a small service is none.
        "RAY_SERVE_TRACING_SAMPLING_RATIO": "1.0",
        "OTEL_SERVICE_NAME": "hark",
    }
    return {name: value for name, value in wanted.items() if name not in environ}


def _findable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
