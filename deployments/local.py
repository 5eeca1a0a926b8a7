"""Engines as ports within one process: what a deployment wraps, and, all together, the pipeline without Ray."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from configs.settings import AppSettings, DiarizerSettings, RecognizerSettings, VoiceDetectorSettings
from deployments.batching import DrainingBatcher
from deployments.engine_thread import Cancelled, EngineThread
from deployments.engines.diarization.engine import PyannoteDiarizer
from deployments.engines.faster_whisper import FasterWhisperRecognizer
from deployments.engines.pyav import PyAvDecoder
from deployments.engines.silero import SileroDetector
from deployments.engines.whisper_windows import EncodedWindow
from deployments.fitness import EngineFitness
from deployments.gpu_memory import bound_torch
from deployments.interludes import Interludes
from deployments.measuring import RecognizerMeasures
from deployments.workload import WorkMeter
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Recording, Span, Waveform, read_span, sample_range
from serve_app.audio.speech import with_context
from serve_app.audio.windows import samples_needed
from serve_app.pipeline.load import INTERACTIVE
from serve_app.pipeline.transcribe import TranscriptionPipeline
from serve_app.ports.metrics import NO_METER
from serve_app.ports.speech import (
    DecodedBlock,
    MediaFile,
    Recognition,
    RecognizeOptions,
    SpeakerBounds,
    SpeakerWindows,
)
from serve_app.transcript.model import SpeakerTurns

Result = TypeVar("Result")
Window = tuple[Waveform, RecognizeOptions]

_HEARD_S = 10.0  # one window of the diarizer


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

    def __init__(
        self, settings: RecognizerSettings, weights: Path, *, measures: RecognizerMeasures | None = None
    ) -> None:
        self._settings = settings
        self._measures = measures or RecognizerMeasures(NO_METER, model="")
        interludes = Interludes()
        self._engine = FasterWhisperRecognizer(
            weights,
            device=settings.device,
            compute_type=settings.compute_type,
            threads=settings.threads,
            beam_size=settings.beam_size,
            pool_silence=settings.pool_silence,
            decoder=settings.decoder,
            between=interludes.play,
        )
        self._work = WorkMeter()
        self._batcher = DrainingBatcher[Window, EncodedWindow, Recognition](
            prepare=self._measures.preparing(self._encode),
            run=self._measures.running(self._engine.decode),
            max_batch=settings.max_batch,
            max_waiting=settings.max_waiting,
            max_batch_beside_sessions=settings.max_batch_beside_sessions,
            meter=self._work,
            interludes=interludes,
        )
        self._fitness = EngineFitness(lambda: self._batcher.on_engine(partial(self._infer, windows=1)))

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        window = (chunk.waveform(recording), options)
        async with self._measures.chunk(window, options, audio_s=chunk.duration_s) as heard, self._fitness.call():
            recognition = await self._batcher.submit(
                window,
                account=options.account,
                key=options.request_id,
                priority=options.priority,
                audio_s=chunk.duration_s,
            )
            heard(recognition)
            return recognition

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        async with self._fitness.call():
            return await self._batcher.on_engine(partial(self._engine.identify, chunk.waveform(recording), candidates))

    def warm_up(self) -> None:
        """The first inference allocates and tunes; it must not be a client's.

        On a GPU it is a full batch: a card without room for one says so now, and the replica does not start.
        """
        self._infer(windows=1 if self._settings.device == "cpu" else self._settings.max_batch)
        if self._settings.pool_silence:  # then that was one of two encoders
            self._engine.encode(_noise(), RecognizeOptions(language="en", window_s=0.0))

    async def check_health(self) -> None:
        """Raise ModelUnavailable when the engine does not work any more."""
        await self._fitness.check()

    def _infer(self, *, windows: int) -> None:
        options = RecognizeOptions(language="en")
        self._engine.decode([self._engine.encode(_noise(), options) for _ in range(windows)])

    def scaling_stats(self) -> dict[str, float]:
        """Return what the scaling policy decides by."""
        return self._work.stats()

    def _encode(self, window: Window) -> EncodedWindow:
        return self._engine.encode(*window)


class LocalDiarizer:
    """Implements ports.Diarizer."""

    def __init__(self, settings: DiarizerSettings, weights: Path) -> None:
        bound_torch(settings.gpu_memory_share, device=settings.device)
        self._engine = PyannoteDiarizer(weights_dir=weights, device=settings.device, threads=settings.threads)
        self._thread = EngineThread()
        self._work = WorkMeter()
        self._fitness = EngineFitness(lambda: self._thread.run(lambda _: self.warm_up()))

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        needed = samples_needed(span, duration_s)
        find = partial(
            self._engine.speaker_windows,
            read_span(recording, needed),
            span,
            offset_s=sample_range(needed)[0] / SAMPLE_RATE_HZ,
            file_duration_s=duration_s,
        )
        return await self._metered(lambda cancelled: find(cancelled=cancelled), audio_s=span.duration_s)

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        link = partial(self._engine.link_speakers, windows, duration_s=duration_s, bounds=bounds)
        found = await self._metered(lambda _: link())
        return SpeakerTurns(heard=found.turns, exclusive=found.exclusive_turns)

    def warm_up(self) -> None:
        """The first inference allocates and tunes; it must not be a client's."""
        noise = _noise(seconds=_HEARD_S)
        self._engine.speaker_windows(noise, Span(0.0, _HEARD_S), offset_s=0.0, file_duration_s=_HEARD_S)

    async def check_health(self) -> None:
        """Raise ModelUnavailable when the engine does not work any more."""
        await self._fitness.check()

    def scaling_stats(self) -> dict[str, float]:
        """Return what the scaling policy decides by."""
        return self._work.stats()

    async def _metered(self, call: Callable[[Cancelled], Result], *, audio_s: float = 0.0) -> Result:
        with self._work.queued(audio_s, INTERACTIVE) as taken:

            def work(cancelled: Cancelled) -> Result:
                taken()
                with self._work.working(audio_s):
                    return call(cancelled)

            async with self._fitness.call():
                return await self._thread.run(work)


def _noise(*, seconds: float = 1.0) -> Waveform:
    n_samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(0).normal(0, 0.01, n_samples).astype(np.float32)
