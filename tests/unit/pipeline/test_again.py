"""Replicas that are lost in the middle of what they tell: another one goes on, and nothing is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import ModelUnavailable, ReplicaLost, SpeechError
from serve_app.pipeline.again import PersistentDecoder, PersistentTranscriber
from serve_app.pipeline.fan_out import RetrySettings
from serve_app.ports.speech import (
    DecodedBlock,
    MediaFile,
    Progress,
    SegmentReady,
    TranscribeEvent,
    TranscribeOptions,
)
from serve_app.transcript.model import Segment, Transcript

SOURCE = MediaFile(path="/spool/1")
AT_ONCE = RetrySettings(attempts=4, first_pause_s=0.0)
SAMPLES = np.arange(1000, dtype=np.float32)


class LostDecoder:
    """Gives blocks of the sizes of each try, and is lost at their end while there is sound left."""

    def __init__(self, tries: Iterable[Sequence[int]]) -> None:
        self.tries = iter(tries)

    async def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        assert source == SOURCE
        at = 0
        for size in next(self.tries):
            yield DecodedBlock(samples=SAMPLES[at : at + size])
            at += size
        if at < SAMPLES.size:
            raise ReplicaLost("its node is gone")


class LostTranscriber:
    """Tells each try's events, and is lost after them unless a transcript was among them."""

    def __init__(self, *tries: Sequence[TranscribeEvent], fault: SpeechError | None = None) -> None:
        self.tries = iter(tries)
        self.fault = fault or ReplicaLost("its node is gone")
        self.deadlines_s: list[float] = []

    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncGenerator[TranscribeEvent]:
        self.deadlines_s.append(options.deadline_s)
        for event in next(self.tries):
            yield event
            if isinstance(event, Transcript):
                return
        raise self.fault


def spoken(n: int) -> SegmentReady:
    return SegmentReady(segment=Segment(start_s=n, end_s=n + 1, text=f"{n}", words=(), language="en"))


def working(done: float) -> Progress:
    return Progress(stage="recognizing", done=done, audio_s=9.0)


WHOLE = Transcript(segments=(), duration_s=9.0, model="base")


async def told(transcriber: LostTranscriber, clock: Callable[[], float] = lambda: 0.0) -> list[TranscribeEvent]:
    persistent = PersistentTranscriber(transcriber.transcribe, AT_ONCE, clock=clock)
    return [event async for event in persistent.transcribe(SOURCE, TranscribeOptions(model="base", deadline_s=60))]


@given(st.lists(st.lists(st.integers(1, 300), max_size=4).filter(lambda sizes: sum(sizes) < 1000), max_size=3))
def test_every_sample_is_decoded_once_however_often_the_decoder_is_lost(lost: list[list[int]]) -> None:
    async def decoded() -> list[DecodedBlock]:
        persistent = PersistentDecoder(LostDecoder([*lost, [400, 600]]), AT_ONCE)
        return [block async for block in persistent.decode(SOURCE)]

    assert np.array_equal(np.concatenate([block.samples for block in asyncio.run(decoded())]), SAMPLES)


async def test_a_decoder_that_is_lost_every_time_is_told_of() -> None:
    with pytest.raises(ReplicaLost):
        [block async for block in PersistentDecoder(LostDecoder([[10]] * 4), AT_ONCE).decode(SOURCE)]


async def test_segments_come_once_when_the_coordinator_is_lost() -> None:
    lost = LostTranscriber([spoken(1), spoken(2)], [spoken(1)], [spoken(1), spoken(2), spoken(3), WHOLE])

    assert await told(lost) == [spoken(1), spoken(2), spoken(3), WHOLE]


async def test_progress_never_goes_back() -> None:
    lost = LostTranscriber([working(0.2), working(0.5)], [working(0.1), working(0.5), working(0.9), WHOLE])
    shares = [event.done for event in await told(lost) if isinstance(event, Progress)]

    assert shares == [0.2, 0.5, 0.5, 0.9]


async def test_another_coordinator_has_only_the_time_that_is_left() -> None:
    times_s = iter([100.0, 100.0, 145.0])
    lost = LostTranscriber([], [WHOLE])

    assert await told(lost, clock=lambda: next(times_s)) == [WHOLE]
    assert lost.deadlines_s == [60.0, 15.0]


async def test_a_coordinator_that_is_lost_every_time_is_told_of() -> None:
    with pytest.raises(ReplicaLost):
        await told(LostTranscriber([], [], [], []))


async def test_what_a_living_coordinator_says_is_not_asked_for_again() -> None:
    with pytest.raises(ModelUnavailable, match="full"):
        await told(LostTranscriber([spoken(1)], fault=ModelUnavailable("full")))
