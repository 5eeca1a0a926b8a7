"""What is measured around models and pipelines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest
from memory_meter import MemoryMeter

from deployments.batching import DrainingBatcher
from deployments.measuring import (
    RecognizerMeasures,
    measured_answer,
    measured_generation,
    measured_transcription,
)
from serve_app.errors import ModelUnavailable
from serve_app.pipeline.load import INTERACTIVE, REALTIME
from serve_app.ports import metrics
from serve_app.ports.language import Generation, TextDelta
from serve_app.ports.speech import Progress, Recognition, RecognizeOptions, TranscribeEvent
from serve_app.transcript.model import Segment, Transcript, Warning, Word

WORD = Word(text="word", start_s=0.0, end_s=0.5, confidence=0.9)


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def heard(*words: Word) -> Recognition:
    segments = (Segment(text="word", start_s=0.0, end_s=1.0, words=words),) if words else ()
    return Recognition(segments=segments, language="en", language_probability=1.0, reached_s=1.0)


class World:
    """A recognizer's batcher whose engine takes a second to encode a chunk and three to decode a batch."""

    def __init__(self, *, max_batch: int = 2) -> None:
        self.clock, self.meter = Clock(), MemoryMeter()
        self.measures = RecognizerMeasures(self.meter, model="base", clock=self.clock)
        self.fault: Exception | None = None
        self.answer = heard(WORD)
        self.batcher = DrainingBatcher[list[str], list[str], Recognition](
            prepare=self.measures.preparing(self._encode),
            run=self.measures.running(self._decode),
            max_batch=max_batch,
            max_waiting=10,
        )

    def _encode(self, item: list[str]) -> list[str]:
        self.clock.now_s += 1
        return item

    def _decode(self, batch: Sequence[list[str]]) -> list[Recognition]:
        self.clock.now_s += 3
        if self.fault is not None:
            raise self.fault
        return [self.answer for _ in batch]

    async def recognize(self, *, audio_s: float = 10.0, priority: int = INTERACTIVE, retry: int = 0) -> None:
        item = ["samples"]
        options = RecognizeOptions(priority=priority, retry=retry)
        async with self.measures.chunk(item, options, audio_s=audio_s) as told:
            told(await self.batcher.submit(item, priority=priority))


async def test_a_chunk_is_measured_from_its_wait_to_its_answer() -> None:
    world = World()
    await world.recognize(audio_s=12.0)
    labels = {"model": "base", "urgency": "interactive"}
    assert world.meter.total(metrics.RECOGNIZED_SECONDS, **labels) == 12.0
    assert world.meter.total(metrics.RECOGNIZER_BUSY_SECONDS, model="base") == 4.0
    assert world.meter.total(metrics.CHUNKS, model="base", outcome="ok") == 1
    assert world.meter.observed(metrics.QUEUE_SECONDS, **labels) == [0.0]
    assert world.meter.observed(metrics.CHUNK_SECONDS, **labels) == [4.0]


async def test_those_who_come_together_are_one_batch_and_the_last_waits_for_the_first() -> None:
    world = World()
    await asyncio.gather(world.recognize(), world.recognize(), world.recognize())
    assert world.meter.observed(metrics.BATCH_SIZE, model="base") == [2, 1]
    assert world.meter.observed(metrics.QUEUE_SECONDS, model="base", urgency="interactive") == [0.0, 1.0, 5.0]


async def test_nobody_waits_when_all_is_done() -> None:
    world = World()
    await asyncio.gather(world.recognize(), world.recognize())
    assert world.meter.total(metrics.WAITING_CHUNKS, model="base") == 0
    assert world.meter.total(metrics.WAITING_SECONDS, model="base") == 0


async def test_chunks_that_wait_are_told_with_their_length() -> None:
    world = World()
    options = RecognizeOptions()
    async with world.measures.chunk(["a"], options, audio_s=3.0), world.measures.chunk(["b"], options, audio_s=4.0):
        assert world.meter.total(metrics.WAITING_CHUNKS, model="base") == 2
        assert world.meter.total(metrics.WAITING_SECONDS, model="base") == 7.0


async def test_a_chunk_that_fails_counts_under_its_error_code_and_as_no_audio() -> None:
    world = World()
    world.fault = ModelUnavailable("gone")
    with pytest.raises(ModelUnavailable):
        await world.recognize()
    assert world.meter.total(metrics.CHUNKS, model="base", outcome=ModelUnavailable.error_code) == 1
    assert world.meter.total(metrics.RECOGNIZED_SECONDS, model="base", urgency="interactive") == 0


async def test_a_caller_who_leaves_waits_no_more() -> None:
    world = World()
    with pytest.raises(asyncio.CancelledError):
        async with world.measures.chunk(["a"], RecognizeOptions(), audio_s=3.0):
            raise asyncio.CancelledError
    assert world.meter.total(metrics.WAITING_CHUNKS, model="base") == 0
    assert world.meter.total(metrics.CHUNKS, model="base", outcome="cancelled") == 1


async def test_loops_decoded_again_and_chunks_without_a_word_are_counted() -> None:
    world = World()
    await world.recognize(retry=1)
    world.answer = heard()
    await world.recognize(priority=REALTIME)
    assert world.meter.total(metrics.FALLBACKS, model="base") == 1
    assert world.meter.total(metrics.SILENT_CHUNKS, model="base") == 1
    assert world.meter.total(metrics.RECOGNIZED_SECONDS, model="base", urgency="realtime") == 10.0


def transcript(*, words: bool = True, warnings: tuple[Warning, ...] = ()) -> Transcript:
    segments = (Segment(text="word", start_s=0.0, end_s=1.0, words=(WORD,)),) if words else ()
    return Transcript(segments=segments, duration_s=60.0, model="base", warnings=warnings)


async def events(clock: Clock, last: Transcript | Exception) -> AsyncGenerator[TranscribeEvent]:
    yield Progress(stage="decoding", done=0.1)
    clock.now_s += 6
    if isinstance(last, Exception):
        raise last
    yield last


async def transcribed(last: Transcript | Exception, *, read: int = 2) -> MemoryMeter:
    clock, meter = Clock(), MemoryMeter()
    measured = measured_transcription(events(clock, last), meter, model="base", source="request", clock=clock)
    async with aclosing(measured):
        for _ in range(read):
            await anext(measured)
    return meter


async def test_a_transcript_counts_its_audio_and_how_fast_it_came() -> None:
    meter = await transcribed(transcript())
    assert meter.total(metrics.TRANSCRIBED_SECONDS, model="base", source="request") == 60.0
    assert meter.observed(metrics.TRANSCRIPT_RTF, model="base", source="request") == [0.1]
    assert meter.total(metrics.TRANSCRIPTS, model="base", source="request", outcome="ok") == 1


@pytest.mark.parametrize(
    ("code", "outcome"), [("no_speech_detected", "no_speech"), ("low_snr_dropped", "low_snr"), ("other", "ok")]
)
async def test_an_empty_transcript_counts_under_its_reason(code: str, outcome: str) -> None:
    meter = await transcribed(transcript(words=False, warnings=(Warning(code=code, message="-"),)))
    assert meter.total(metrics.TRANSCRIPTS, model="base", source="request", outcome=outcome) == 1


async def test_a_client_who_leaves_in_between_is_a_cancelled_transcript() -> None:
    meter = await transcribed(transcript(), read=1)
    assert meter.total(metrics.TRANSCRIPTS, model="base", source="request", outcome="cancelled") == 1


async def test_a_failed_transcription_counts_under_its_error_code_and_is_raised() -> None:
    clock, meter = Clock(), MemoryMeter()
    failing = measured_transcription(events(clock, ModelUnavailable("gone")), meter, model="base", source="job")
    with pytest.raises(ModelUnavailable):
        _ = [event async for event in failing]
    outcome = ModelUnavailable.error_code
    assert meter.total(metrics.TRANSCRIPTS, model="base", source="job", outcome=outcome) == 1


GENERATION = Generation(text="yes", finish_reason="stop", prompt_tokens=30, completion_tokens=4)


async def written(*items: TextDelta | Generation) -> AsyncGenerator[TextDelta | Generation]:
    for item in items:
        yield item


async def test_tokens_of_a_streamed_answer_are_counted_at_its_end() -> None:
    meter = MemoryMeter()
    streamed = measured_answer(written(TextDelta(text="yes"), GENERATION), meter, model="llm")
    assert [item async for item in streamed][-1] == GENERATION
    assert meter.total(metrics.TOKENS, model="llm", kind="prompt") == 30
    assert meter.total(metrics.TOKENS, model="llm", kind="generated") == 4
    assert meter.total(metrics.GENERATIONS, model="llm", outcome="ok") == 1


async def test_an_answer_nobody_waits_for_is_cancelled() -> None:
    meter = MemoryMeter()
    async with aclosing(measured_answer(written(TextDelta(text="yes"), GENERATION), meter, model="llm")) as streamed:
        await anext(streamed)
    assert meter.total(metrics.GENERATIONS, model="llm", outcome="cancelled") == 1


async def test_an_answer_that_fails_counts_under_its_error_code() -> None:
    async def fails() -> Generation:
        raise ModelUnavailable("gone")

    meter = MemoryMeter()
    with pytest.raises(ModelUnavailable):
        await measured_generation(fails(), meter, model="llm")
    assert meter.total(metrics.GENERATIONS, model="llm", outcome=ModelUnavailable.error_code) == 1


async def test_chunks_and_transcripts_are_logged_with_their_request_and_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "hark")
    secret = Word(text="zebrafinch", start_s=0.0, end_s=0.5, confidence=0.9)
    world = World()
    world.answer = heard(secret)
    async with world.measures.chunk(["a"], RecognizeOptions(request_id="r-1"), audio_s=3.0) as told:
        told(world.answer)
    await world.recognize(priority=REALTIME)  # realtime: below INFO
    ending = Transcript(
        segments=(Segment(text="zebrafinch", start_s=0.0, end_s=1.0, words=(secret,)),), duration_s=9.0, model="base"
    )
    measured = measured_transcription(
        events(Clock(), ending), MemoryMeter(), model="base", source="job", request_id="r-1"
    )
    assert [event async for event in measured]
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" ")[:3] for line in lines] == [
        ["chunk_ended", "request_id=r-1", "outcome=ok"],
        ["transcript_ended", "request_id=r-1", "outcome=ok"],
    ]
    assert "zebrafinch" not in " ".join(lines)
