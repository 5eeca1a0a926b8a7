"""Spans of OpenTelemetry around calls of models and stages of a transcription. Off unless a collector is configured.

Serve makes a span for every call between deployments and carries the context along; it asks `span_processors` where
they go (RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH). The spans here hang between Serve's. They carry lengths, counts and
error codes, never content, names or keys.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from deployments.measuring import code_of
from serve_app.ports.speech import Progress, TranscribeEvent
from serve_app.transcript.model import Transcript

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span

_EXPORTER = "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH"

Attribute = str | int | float | bool


def span_processors() -> list[SpanProcessor]:
    """Return what sends spans to the collector of OTEL_EXPORTER_OTLP_ENDPOINT, over HTTP, in batches."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return [BatchSpanProcessor(OTLPSpanExporter())]


def tracing() -> bool:
    """Tell whether this process was started to trace."""
    return bool(os.environ.get(_EXPORTER))


@contextmanager
def traced(name: str, **attributes: Attribute) -> Iterator[None]:
    """Put a span around the block, under the one that runs. Failures mark it with their error code alone."""
    if not tracing():
        yield
        return
    from opentelemetry import trace

    # An exception's message may name a file: it is not recorded.
    with trace.get_tracer("hark").start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except Exception as error:
            _mark(current, error)
            raise


async def traced_transcription(
    events: AsyncGenerator[TranscribeEvent], **attributes: Attribute
) -> AsyncGenerator[TranscribeEvent]:
    """Yield what a pipeline yields, under one span with a child for each of its stages."""
    if not tracing():
        async with aclosing(events):
            async for event in events:
                yield event
        return
    from opentelemetry import trace

    whole = trace.get_tracer("hark").start_span("transcribe", attributes=attributes)
    stages = _Stages(whole)
    try:
        async with aclosing(events):
            # The pipeline starts its own task at the first event: that task, and all it calls, goes under the span.
            with trace.use_span(whole, record_exception=False, set_status_on_exception=False):
                first = await _first(events)
            for early in first:
                stages.saw(early)
                yield early
            async for later in events:
                stages.saw(later)
                yield later
    except Exception as error:
        _mark(whole, error)
        raise
    finally:
        stages.end()
        whole.end()


async def _first(events: AsyncGenerator[TranscribeEvent]) -> list[TranscribeEvent]:
    """Return the first event, if there is one."""
    async for event in events:
        return [event]
    return []


class _Stages:
    """A span for each stage that a pipeline reports: from its first report to the next stage's, or to the end."""

    def __init__(self, whole: Span) -> None:
        self._whole = whole
        self._open: dict[str, Span] = {}

    def saw(self, event: TranscribeEvent) -> None:
        if isinstance(event, Transcript):
            self._whole.set_attribute("audio_s", event.duration_s)
            self._whole.set_attribute("segments", len(event.segments))
        elif isinstance(event, Progress) and event.stage not in self._open:
            if event.stage in {"recognizing", "diarizing"}:  # side by side
                self._end("decoding")
            elif event.stage == "merging":
                self.end()
            self._open[event.stage] = self._start(event.stage)

    def end(self) -> None:
        for stage in list(self._open):
            self._end(stage)

    def _start(self, stage: str) -> Span:
        from opentelemetry import trace

        return trace.get_tracer("hark").start_span(
            stage, context=trace.set_span_in_context(self._whole), start_time=time.time_ns()
        )

    def _end(self, stage: str) -> None:
        found = self._open.get(stage)
        if found is not None and found.is_recording():
            found.end()


def _mark(current: Any, error: Exception) -> None:
    from opentelemetry.trace import Status, StatusCode

    code = code_of(error)
    current.set_attribute("error_code", code)
    current.set_status(Status(StatusCode.ERROR, code))
