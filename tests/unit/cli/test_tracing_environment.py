"""When a service traces."""

from __future__ import annotations

import importlib.util

import pytest

from serve_app.cli.tracing import NoExporter, tracing_environment


def test_nobody_is_traced_unless_a_collector_is_named() -> None:
    assert tracing_environment({"PATH": "/bin"}) == {}


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_a_collector_makes_serve_send_all_spans_through_ours(name: str) -> None:
    found = tracing_environment({name: "http://localhost:4318"})
    module, _, function = found["RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH"].partition(":")
    assert importlib.util.find_spec(module) is not None
    assert function == "span_processors"
    assert found["RAY_SERVE_TRACING_SAMPLING_RATIO"] == "1.0"


def test_what_an_operator_has_set_stays() -> None:
    own = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "RAY_SERVE_TRACING_SAMPLING_RATIO": "0.1"}
    assert "RAY_SERVE_TRACING_SAMPLING_RATIO" not in tracing_environment(own)


def test_a_missing_exporter_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NoExporter, match=r"hark-speech\[otel\]"):
        tracing_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"})
