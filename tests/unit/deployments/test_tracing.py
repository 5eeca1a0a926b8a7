"""Spans around calls and stages, looked at in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deployments.tracing import traced, traced_transcription
from serve_app.errors import ModelUnavailable
from serve_app.ports.speech import Progress, TranscribeEvent
from serve_app.transcript.model import Transcript

EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    """The provider of a process can be set once."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(provider)


@pytest.fixture(autouse=True)
def _on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH", "somewhere:processors")
    EXPORTER.clear()


def spans() -> dict[str, ReadableSpan]:
    return {span.name: span for span in EXPORTER.get_finished_spans()}


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    return span.get_span_context().span_id  # type: ignore[no-any-return]


async def call_a_model() -> None:
    with traced("chunk", audio_s=3.0):
        await asyncio.sleep(0)


async def pipeline(fault: Exception | None = None) -> AsyncGenerator[TranscribeEvent]:
    """Works in a task of its own, as the real one does."""
    work = asyncio.create_task(call_a_model())
    yield Progress(stage="decoding", done=0.1)
    await work
    yield Progress(stage="recognizing", done=0.5)
    yield Progress(stage="diarizing", done=0.5)
    yield Progress(stage="recognizing", done=0.6)
    if fault is not None:
        raise fault
    yield Progress(stage="merging", done=0.9)
    yield Transcript(segments=(), duration_s=9.0, model="base")


async def test_chunks_and_stages_hang_under_the_transcription() -> None:
    with traced("request"):
        traced_events = traced_transcription(pipeline(), model="base", request_id="r-1")
        assert len([event async for event in traced_events]) == 6
    found = spans()
    whole = found["transcribe"]
    assert parent_of(whole) == id_of(found["request"])
    for name in ("chunk", "decoding", "recognizing", "diarizing", "merging"):
        assert parent_of(found[name]) == id_of(whole), name
    assert dict(whole.attributes or {}) == {"model": "base", "request_id": "r-1", "audio_s": 9.0, "segments": 0}


async def test_a_stage_ends_where_the_next_begins_and_two_run_side_by_side() -> None:
    assert [event async for event in traced_transcription(pipeline())]
    found = spans()
    end = {name: span.end_time or 0 for name, span in found.items()}
    start = {name: span.start_time or 0 for name, span in found.items()}
    assert end["decoding"] <= start["recognizing"] <= start["diarizing"]
    assert end["recognizing"] <= start["merging"]
    assert end["diarizing"] <= start["merging"] <= end["merging"] <= end["transcribe"]


async def test_calls_one_after_another_are_siblings() -> None:
    with traced("request"):
        await call_a_model()
        await call_a_model()
    calls = [span for span in EXPORTER.get_finished_spans() if span.name == "chunk"]
    assert len({parent_of(span) for span in calls}) == 1


async def test_a_failure_marks_its_span_with_the_code_and_nothing_of_the_message() -> None:
    with pytest.raises(ModelUnavailable):
        _ = [event async for event in traced_transcription(pipeline(ModelUnavailable("secret.wav is gone")))]
    whole = spans()["transcribe"]
    assert (whole.attributes or {})["error_code"] == ModelUnavailable.error_code
    assert not whole.status.is_ok
    assert "secret" not in whole.to_json()


async def test_spans_end_though_nobody_reads_on() -> None:
    async with aclosing(traced_transcription(pipeline())) as events:
        async for event in events:
            if isinstance(event, Progress) and event.stage == "recognizing":
                break
    assert {"transcribe", "decoding", "recognizing"} <= set(spans())


async def test_nothing_is_traced_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH")
    assert len([event async for event in traced_transcription(pipeline())]) == 6
    assert not spans()
