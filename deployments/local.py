"""Engines as ports within one process: what a deployment wraps, and, all together, the pipeline without Ray."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from configs.settings import AppSettings, DiarizerSettings, RecognizerSettings, VoiceDetectorSettings
from deployments.batching import DrainingBatcher
from deployments.engine_thread import EngineThread
from deployments.engines.diarization.engine import PyannoteDiarizer
from deployments.engines.faster_whisper import EncodedWindow, FasterWhisperRecognizer
from deployments.engines.pyav import PyAvDecoder
from deployments.engines.silero import SileroDetector
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Recording, Span, Waveform, read_span, sample_range
from serve_app.audio.speech import with_context
from serve_app.audio.windows import samples_needed
from serve_app.pipeline.transcribe import TranscriptionPipeline
from serve_app.ports.speech import (
    DecodedBlock,
    MediaFile,
    Recognition,
    RecognizeOptions,
    SpeakerBounds,
    SpeakerWindows,
)
from serve_app.transcript.model import SpeakerTurns

Window = tuple[Waveform, RecognizeOptions]


def local_transcriber(settings: AppSettings) -> TranscriptionPipeline:
    """Return the profile's pipeline with one of each engine in this process; loading takes seconds."""
    recognizers = {m: LocalRecognizer(r, settings.weights_path(r.weights)) for m, r in settings.recognizers.items()}
    diarizer = settings.diarizer
    return TranscriptionPipeline(
        decoder=LocalDecoder(max_duration_s=settings.api.max_duration_s),
        detector=LocalDetector(settings.voice_detector),
        recognizers=recognizers,
        identifiers=recognizers,
        diarizer=LocalDiarizer(diarizer, settings.weights_path(diarizer.weights)) if diarizer else None,
        store=LocalStore(),
        settings=settings.pipeline_settings(),
    )


class LocalStore:
    """Implements ports.SampleStore: samples are their own reference."""

    def put(self, samples: Waveform) -> object:
        return samples


class LocalDecoder:
    """Implements ports.MediaDecoder."""

    def __init__(self, *, max_duration_s: float | None = None) -> None:
        self._engine = PyAvDecoder()
        self._max_duration_s = max_duration_s

    async def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        gone = threading.Event()
        blocks = self._engine.decode(source, max_duration_s=self._max_duration_s, cancelled=gone.is_set)
        try:
            while (block := await asyncio.to_thread(next, blocks, None)) is not None:
                yield block
        finally:
            gone.set()


class LocalDetector:
    """Implements ports.VoiceDetector."""

    def __init__(self, settings: VoiceDetectorSettings) -> None:
        self._engine = SileroDetector()
        self._threads = EngineThread(at_once=settings.threads)

    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        heard = with_context(span)
        detect = partial(
            self._engine.speech_probabilities,
            read_span(recording, heard),
            context_samples=sample_range(span)[0] - sample_range(heard)[0],
        )
        return await self._threads.run(lambda cancelled: detect(cancelled=cancelled))


class LocalRecognizer:
    """Implements ports.Recognizer and ports.LanguageIdentifier; batches windows of all its callers."""

    def __init__(self, settings: RecognizerSettings, weights: Path) -> None:
        self._engine = FasterWhisperRecognizer(
            weights,
            device=settings.device,
            compute_type=settings.compute_type,
            threads=settings.threads,
            beam_size=settings.beam_size,
        )
        self._batcher = DrainingBatcher[Window, EncodedWindow, Recognition](
            prepare=self._encode,
            run=self._engine.decode,
            max_batch=settings.max_batch,
            max_waiting=settings.max_waiting,
        )

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        window = (chunk.waveform(recording), options)
        return await self._batcher.submit(window, key=options.request_id, priority=options.priority)

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        return await self._batcher.on_engine(partial(self._engine.identify, chunk.waveform(recording), candidates))

    def warm_up(self) -> None:
        """The first inference allocates and tunes; it must not be a client's."""
        noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE_HZ).astype(np.float32)
        self._engine.decode([self._engine.encode(noise, RecognizeOptions(language="en"))])

    async def ping(self) -> None:
        """Return once the engine has answered; with a batch running, when that is done."""
        await self._batcher.on_engine(lambda: None)

    def _encode(self, window: Window) -> EncodedWindow:
        return self._engine.encode(*window)


class LocalDiarizer:
    """Implements ports.Diarizer."""

    def __init__(self, settings: DiarizerSettings, weights: Path) -> None:
        self._engine = PyannoteDiarizer(weights_dir=weights, device=settings.device, threads=settings.threads)
        self._thread = EngineThread()

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        needed = samples_needed(span, duration_s)
        find = partial(
            self._engine.speaker_windows,
            read_span(recording, needed),
            span,
            offset_s=sample_range(needed)[0] / SAMPLE_RATE_HZ,
            file_duration_s=duration_s,
        )
        return await self._thread.run(lambda cancelled: find(cancelled=cancelled))

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        link = partial(self._engine.link_speakers, windows, duration_s=duration_s, bounds=bounds)
        found = await self._thread.run(lambda _: link())
        return SpeakerTurns(heard=found.turns, exclusive=found.exclusive_turns)

    async def ping(self) -> None:
        """Return once the engine has answered."""
        await self._thread.run(lambda _: None)
