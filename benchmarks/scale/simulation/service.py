"""The simulated service: the real pipeline over simulated deployments, and what it got through."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.scale.simulation.calibration import Calibration
from benchmarks.scale.simulation.clock import SimulatedLoop, account
from benchmarks.scale.simulation.deployment import Bounds, Deployment
from benchmarks.scale.simulation.engines import (
    OwnStore,
    SleepingDetector,
    SleepingDiarizer,
    SleepingMedia,
    SleepingRecognizer,
    Track,
)
from configs.load import read_profile
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Recording, Span
from serve_app.pipeline.settings import PipelineSettings
from serve_app.pipeline.transcribe import TranscriptionPipeline
from serve_app.ports.speech import (
    DecodedBlock,
    MediaFile,
    Recognition,
    RecognizeOptions,
    SpeakerBounds,
    SpeakerWindows,
    TranscribeOptions,
)
from serve_app.transcript.model import SpeakerTurns, Transcript

COORDINATOR = "coordinator"
_MODEL = "base"
_ROOM = 0.6  # the deployments beside the recognizers are sized to be this busy


def simulated_settings(lanes_in_flight: int) -> PipelineSettings:
    """Return the pipeline's own settings; all recordings are the same noise, which must not be held against them."""
    return PipelineSettings(lanes_in_flight=lanes_in_flight, snr_floor_db=-math.inf)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How large the service is; the bounds are those of the embedded profile."""

    recognizers: int
    media: int
    detectors: int
    diarizers: int
    max_batch: int = 2
    max_waiting: int = 256
    pipeline: PipelineSettings = field(default_factory=lambda: simulated_settings(16))


def shape_of(calibration: Calibration, recognizers: int, *, max_batch: int = 2, lanes_in_flight: int = 16) -> Shape:
    """Return a service whose other deployments have room for what so many recognizers get through."""
    rate = recognizers * ideal_rate(calibration, max_batch=max_batch)
    return Shape(
        recognizers=recognizers,
        media=math.ceil(rate * calibration.media_s / _ROOM),
        detectors=math.ceil(rate * calibration.detect_s / _ROOM),
        diarizers=math.ceil(rate * calibration.diarize_s / _ROOM),
        max_batch=max_batch,
        pipeline=simulated_settings(lanes_in_flight),
    )


def ideal_rate(calibration: Calibration, *, max_batch: int) -> float:
    """Return the audio-seconds a second of one recognizer that always has full batches of full windows."""
    batch_s = calibration.encode_s * max_batch + calibration.decode_time(max_batch, 26.0)
    return calibration.audio_s / calibration.windows * max_batch / batch_s


@cache
def profile_bounds() -> dict[str, Bounds]:
    """Return how many calls each of the embedded profile's deployments takes."""
    deployments = read_profile("embedded")["applications"][0]["deployments"]
    return {d["name"]: Bounds(ongoing=d["max_ongoing_requests"], queued=d["max_queued_requests"]) for d in deployments}


class SimulatedService:
    """All deployments on one simulated loop; made inside it."""

    def __init__(self, calibration: Calibration, shape: Shape, loop: SimulatedLoop) -> None:
        self.loop = loop
        self.shape = shape
        self._calibration = calibration
        bounds = profile_bounds()
        self.media = Deployment(
            make=lambda: SleepingMedia(calibration, loop),
            n_replicas=shape.media,
            bounds=bounds["media"],
            loop=loop,
            hop_s=calibration.hop_s,
        )
        self.detectors = Deployment(
            make=lambda: SleepingDetector(calibration, loop),
            n_replicas=shape.detectors,
            bounds=bounds["voice-detector"],
            loop=loop,
            hop_s=calibration.hop_s,
        )
        self.recognizers = Deployment(
            make=lambda: SleepingRecognizer(
                calibration, loop, max_batch=shape.max_batch, max_waiting=shape.max_waiting
            ),
            n_replicas=shape.recognizers,
            bounds=bounds["recognizer-base"],
            loop=loop,
            hop_s=calibration.hop_s,
        )
        self.diarizers = Deployment(
            make=lambda: SleepingDiarizer(calibration, loop),
            n_replicas=max(shape.diarizers, 1),
            bounds=bounds["diarizer"],
            loop=loop,
            hop_s=calibration.hop_s,
        )

    async def transcribe(
        self, track: Track, request_id: str, *, diarize: bool = False, deadline_s: float = 12 * 3600.0
    ) -> Transcript:
        """Run one recording through the real pipeline; its own CPU time goes to the coordinator's account."""
        ports = _Ports(self, track)
        pipeline = TranscriptionPipeline(
            decoder=ports,
            detector=ports,
            recognizers={_MODEL: ports},
            identifiers={_MODEL: ports},
            diarizer=ports,
            store=OwnStore(track),
            settings=self.shape.pipeline,
        )
        options = TranscribeOptions(model=_MODEL, request_id=request_id, diarize=diarize, deadline_s=deadline_s)
        with account(COORDINATOR):
            task = asyncio.create_task(_last_event(pipeline, options))
        return await task

    @property
    def worked_s(self) -> float:
        """What the recognizers have worked, all together."""
        return sum(r.engine.worked_s for r in self.recognizers.ever)

    @property
    def windows(self) -> int:
        return sum(r.engine.windows for r in self.recognizers.ever)


async def _last_event(pipeline: TranscriptionPipeline, options: TranscribeOptions) -> Transcript:
    last: Any = None
    async with aclosing(pipeline.transcribe(MediaFile(path=""), options)) as events:
        async for event in events:
            last = event
    assert isinstance(last, Transcript)  # noqa: S101 - the pipeline's promise
    return last


class _Ports:
    """All ports of one request but the store: calls over the handles, as deployments.remote makes them."""

    def __init__(self, service: SimulatedService, track: Track) -> None:
        self._service = service
        self._track = track

    async def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        """Take the blocks as they come: Serve's streams do not wait for their reader."""
        blocks: asyncio.Queue[DecodedBlock | None] = asyncio.Queue()

        async def stream(media: SleepingMedia) -> None:
            async with aclosing(media.decode(self._track.seconds)) as decoded:
                async for block in decoded:
                    blocks.put_nowait(block)

        streaming = asyncio.ensure_future(self._service.media.call(stream))
        streaming.add_done_callback(lambda _: blocks.put_nowait(None))
        try:
            while (block := await blocks.get()) is not None:
                yield block
            await streaming
        finally:
            streaming.cancel()

    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        return await self._service.detectors.call(lambda engine: engine.speech_probabilities(recording, span))

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        return await self._service.recognizers.call(lambda engine: engine.recognize(recording, chunk, options))

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        return await self._service.recognizers.call(lambda engine: engine.identify(recording, chunk, candidates))

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        return await self._service.diarizers.call(
            lambda engine: engine.speaker_windows(recording, span, duration_s=duration_s)
        )

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        return await self._service.diarizers.call(
            lambda engine: engine.link_speakers(windows, duration_s=duration_s, bounds=bounds)
        )
