"""Streams that begin again elsewhere when the replica behind them is lost, and tell nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from serve_app.errors import ReplicaLost
from serve_app.pipeline.fan_out import RetrySettings
from serve_app.ports.speech import (
    Clock,
    DecodedBlock,
    MediaDecoder,
    MediaFile,
    Progress,
    SegmentReady,
    TranscribeEvent,
    TranscribeOptions,
)

Transcribe = Callable[[MediaFile, TranscribeOptions], AsyncGenerator[TranscribeEvent]]
"""Transcribes on one replica of the coordinator."""


class PersistentDecoder:
    """Decodes anew when its replica is lost. Implements ports.MediaDecoder: a file decodes to the same samples."""

    def __init__(self, decoder: MediaDecoder, retries: RetrySettings) -> None:
        self._decoder = decoder
        self._retries = retries

    async def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        given = 0  # samples
        for pause_s in (*self._retries.pauses_s(), None):
            known = given
            try:
                async with aclosing(self._decoder.decode(source)) as blocks:
                    async for block in blocks:
                        fresh = block.samples[known:]
                        known -= block.samples.size - fresh.size
                        given += fresh.size
                        yield replace(block, samples=fresh)
                return
            except ReplicaLost:
                if pause_s is None:
                    raise
            await asyncio.sleep(pause_s)


class PersistentTranscriber:
    """Transcribes anew when the coordinator is lost. Implements ports.Transcriber: nothing but the time tells of it.

    What was told stays true, since segments that are told are final: the same words come again, and are passed over.
    """

    def __init__(self, transcribe: Transcribe, retries: RetrySettings, *, clock: Clock = time.monotonic) -> None:
        self._transcribe = transcribe
        self._retries = retries
        self._clock = clock

    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncGenerator[TranscribeEvent]:
        ends_s = self._clock() + options.deadline_s
        told, reached = 0, 0.0  # segments; share of the work
        for pause_s in (*self._retries.pauses_s(), None):
            left = replace(options, deadline_s=max(ends_s - self._clock(), 0.0))
            known = told
            try:
                async with aclosing(self._transcribe(source, left)) as events:
                    async for event in events:
                        if isinstance(event, SegmentReady):
                            if known:
                                known -= 1
                                continue
                            told += 1
                        elif isinstance(event, Progress):
                            if event.done < reached:
                                continue
                            reached = event.done
                        yield event
                return
            except ReplicaLost:
                if pause_s is None:
                    raise
            await asyncio.sleep(pause_s)
