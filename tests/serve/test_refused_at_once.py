"""The ingress refuses what would wait too long before anything is done for it."""

from __future__ import annotations

import asyncio
import math
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deployments.remote import RemoteTranscriber
from serve_app.errors import ModelQueueFull
from serve_app.pipeline.shedding import Backlog, SheddingSettings
from serve_app.ports.speech import MediaFile, Progress, TranscribeEvent, TranscribeOptions
from serve_app.transcript.model import Transcript

AUDIO_S = 10.0
WORK_S = 0.1
AT_ONCE = 2
SHEDDING = SheddingSettings(longest_wait_s=1.0, always_admitted=4, expected_audio_s=AUDIO_S, sample_s=0.5)


class Responses:
    """What a handle gives for a streaming call."""

    def __init__(self, events: AsyncIterator[TranscribeEvent]) -> None:
        self._events = events

    def __aiter__(self) -> AsyncIterator[TranscribeEvent]:
        return self._events

    def cancel(self) -> None:
        pass


class Models:
    """A handle on models that do so many recordings at once."""

    def __init__(self) -> None:
        self.calls = 0
        self.transcribe = self
        self._free = asyncio.Semaphore(AT_ONCE)

    def options(self, **_: object) -> Models:
        return self

    def remote(self, *_: object) -> Responses:
        self.calls += 1
        return Responses(self._events())

    async def _events(self) -> AsyncIterator[TranscribeEvent]:
        yield Progress(stage="decoding", done=0.0, audio_s=AUDIO_S)
        async with self._free:
            await asyncio.sleep(WORK_S)
        yield Progress(stage="merging", done=0.99, audio_s=AUDIO_S)
        yield Transcript(segments=(), duration_s=AUDIO_S)


async def call(
    transcriber: RemoteTranscriber, account: str = "a", path: str = "/x", *, deadline_s: float = 60.0
) -> float:
    """Transcribe once and return how long a refusal took; the event is the caller's, as in the ingress."""
    started_s = time.perf_counter()
    options = TranscribeOptions(model="base", request_id="request", account=account, deadline_s=deadline_s)
    events: Any = transcriber.transcribe(MediaFile(path=path), options)
    try:
        async for event in events:
            if isinstance(event, Transcript):
                return 0.0
    except ModelQueueFull as refused:
        return time.perf_counter() - started_s if refused.retry_after_s else math.inf
    finally:
        await events.aclose()
    raise AssertionError("no transcript")


def silent_wav(path: Path, seconds: int) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(8_000 * seconds))
    return str(path)


class Flood:
    """One account that sends more than the models can do."""

    def __init__(self, transcriber: RemoteTranscriber) -> None:
        self.transcripts = 0
        self.refusals_s: list[float] = []
        self.refused = asyncio.Event()
        self._transcriber = transcriber

    async def send_for_ever(self) -> None:
        while True:
            took_s = await call(self._transcriber, "flooding")
            self.transcripts += not took_s
            if took_s:
                self.refusals_s.append(took_s)
                self.refused.set()
                await asyncio.sleep(0.1)  # much less than it was told


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
async def transcriber(models: Models) -> RemoteTranscriber:
    return RemoteTranscriber(models, Backlog(SHEDDING))  # type: ignore[arg-type]


@pytest.fixture
async def flood(transcriber: RemoteTranscriber) -> AsyncIterator[Flood]:
    flooding = Flood(transcriber)
    senders = [asyncio.create_task(flooding.send_for_ever()) for _ in range(60)]
    yield flooding
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)


async def test_a_refusal_takes_no_time_and_reaches_no_model(
    models: Models, transcriber: RemoteTranscriber, flood: Flood
) -> None:
    await flood.refused.wait()
    before, done = models.calls, flood.transcripts
    for _ in range(3):
        await call(transcriber, "quiet")

    assert len(flood.refusals_s) > 20
    assert sorted(flood.refusals_s)[len(flood.refusals_s) // 2] < 0.1
    let_in = flood.transcripts - done + 3
    assert models.calls - before <= let_in + 20  # those that were let in and have not ended


async def test_a_recording_too_long_for_now_is_refused_by_its_header(
    models: Models, transcriber: RemoteTranscriber, flood: Flood, tmp_path: Path
) -> None:
    await flood.refused.wait()
    short, long = (silent_wav(tmp_path / f"{seconds}.wav", seconds) for seconds in (10, 3600))
    before, done = models.calls, flood.transcripts

    assert await call(transcriber, "quiet", long, deadline_s=5)
    assert not await call(transcriber, "quiet", short, deadline_s=5)
    assert models.calls - before <= flood.transcripts - done + 1 + 20


async def test_an_account_that_does_not_flood_is_served(transcriber: RemoteTranscriber, flood: Flood) -> None:
    await flood.refused.wait()

    assert [await call(transcriber, "quiet") for _ in range(3)] == [0.0] * 3
