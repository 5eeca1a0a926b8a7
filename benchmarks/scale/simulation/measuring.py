"""Take the service times: the real pipeline over the real engines in this process, one engine at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.common.dataset import Item
from benchmarks.scale.simulation.calibration import Calibration
from benchmarks.scale.simulation.fitting import Measured, fitted
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Recording, Span, read_span, sample_range
from serve_app.audio.speech import with_context
from serve_app.audio.windows import samples_needed
from serve_app.pipeline.review import ReviewSettings, review
from serve_app.ports.speech import (
    DecodedBlock,
    MediaFile,
    Recognition,
    RecognizeOptions,
    SpeakerBounds,
    SpeakerWindows,
    TranscribeOptions,
)
from serve_app.transcript.model import SpeakerTurns

if TYPE_CHECKING:
    from configs.settings import AppSettings

Say = Callable[[str], None]


class MeasuredEngines:
    """All ports but the store, over real engines, in batches of exactly `batch` where so many wait."""

    def __init__(self, settings: AppSettings, measured: Measured, *, batch: int) -> None:
        from deployments.engines.diarization.engine import PyannoteDiarizer
        from deployments.engines.faster_whisper import FasterWhisperRecognizer
        from deployments.engines.pyav import PyAvDecoder
        from deployments.engines.silero import SileroDetector

        own = settings.recognizers[settings.substitute]
        weights = settings.weights_path(own.weights)
        self._recognizer = FasterWhisperRecognizer(
            weights,
            device=own.device,
            compute_type=own.compute_type,
            threads=1,
            beam_size=own.beam_size,
            pool_silence=own.pool_silence,
            decoder=own.decoder,
        )
        self._decoder, self._detector = PyAvDecoder(), SileroDetector()
        self._diarizer = None
        if settings.diarizer:
            folder = settings.weights_path(settings.diarizer.weights)
            self._diarizer = PyannoteDiarizer(weights_dir=folder, device="cpu", threads=1)
        self._measured = measured
        self._batch = batch
        self._waiting: list[tuple[Any, Chunk, asyncio.Future[Recognition]]] = []
        self._seen: set[tuple[float, float]] = set()

    async def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        blocks = self._decoder.decode(source, max_duration_s=None, cancelled=lambda: False)
        while True:
            block, cpu_s = await self._measured.alone(partial(next, blocks, None))
            if block is None:
                return
            self._measured.media.append((block.samples.size / SAMPLE_RATE_HZ, cpu_s))
            yield block

    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        heard = with_context(span)
        context = sample_range(span)[0] - sample_range(heard)[0]
        call = partial(self._detector.speech_probabilities, read_span(recording, heard), context_samples=context)
        found, cpu_s = await self._measured.alone(call)
        self._measured.detect.append((span.duration_s, cpu_s))
        self._measured.probabilities.append(found)
        return found

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        call = partial(self._recognizer.identify, chunk.waveform(recording), candidates)
        found, cpu_s = await self._measured.alone(call)
        self._measured.identify_s.append(cpu_s)
        return found

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        encode = partial(self._recognizer.encode, chunk.waveform(recording), options)
        window, cpu_s = await self._measured.alone(encode)
        if window.is_short:
            self._measured.short_encode.append((chunk.duration_s, cpu_s))
        else:
            self._measured.encode_s.append(cpu_s)
        self._measured.windows += 1
        future: asyncio.Future[Recognition] = asyncio.get_running_loop().create_future()
        self._waiting.append((window, chunk, future))
        if len(self._waiting) >= self._batch:
            await self._run()
        else:
            asyncio.get_running_loop().call_later(2.0, self._run_rest)
        recognition = await future
        self._note(chunk, recognition, options)
        return recognition

    def _run_rest(self) -> None:
        if self._waiting:
            self._last = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
        windows = [window for window, _, _ in batch]
        results, cpu_s = await self._measured.alone(partial(self._recognizer.decode, windows))
        self._measured.batches.append((len(batch), max(chunk.duration_s for _, chunk, _ in batch), cpu_s))
        for (_, _, future), result in zip(batch, results, strict=True):
            future.set_result(result)

    def _note(self, chunk: Chunk, recognition: Recognition, options: RecognizeOptions) -> None:
        """Remember how far a first attempt came; short rests and repairs are consequences of others."""
        if options.retry or chunk.duration_s < _FIRST_ATTEMPT_S:
            return
        found = review(chunk, recognition, ReviewSettings())
        end_s = chunk.spans[-1].end_s
        left_s = sum(s.duration_s for s in chunk.spans if s.end_s > (found.resume_s or end_s))
        self._measured.chunks += 1
        self._measured.reached.append(1.0 if found.resume_s is None else max(1 - left_s / chunk.duration_s, 0.0))
        self._measured.holes += len(found.holes)
        self._measured.words += len(found.words)
        self._measured.heard_s += chunk.duration_s

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        assert self._diarizer is not None  # noqa: S101 - only asked where there is one
        needed = samples_needed(span, duration_s)
        call = partial(
            self._diarizer.speaker_windows,
            read_span(recording, needed),
            span,
            offset_s=sample_range(needed)[0] / SAMPLE_RATE_HZ,
            file_duration_s=duration_s,
        )
        found, cpu_s = await self._measured.alone(call)
        self._measured.diarize.append((span.duration_s, cpu_s))
        return found

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        assert self._diarizer is not None  # noqa: S101 - only asked where there is one
        call = partial(self._diarizer.link_speakers, windows, duration_s=duration_s, bounds=bounds)
        found, cpu_s = await self._measured.alone(call)
        self._measured.link.append((duration_s, cpu_s))
        return SpeakerTurns(heard=found.turns, exclusive=found.exclusive_turns)


_FIRST_ATTEMPT_S = 20.0
_BATCHES = (1, 2)


async def calibrate(settings: AppSettings, item: Item, *, say: Say = lambda _: None) -> Calibration:
    """Transcribe a recording once with each batch size; the largest is the one whose windows are counted."""
    measured = Measured()
    for batch in _BATCHES:
        say(f"{item.id} in batches of {batch}")
        measured.reached, measured.holes, measured.chunks = [], 0, 0
        measured.words, measured.heard_s, measured.probabilities = 0, 0.0, []
        measured.windows = 0
        await _transcribed(settings, item, MeasuredEngines(settings, measured, batch=batch), diarize=batch > 1)
    return fitted(measured, item, windows=measured.windows, batch=max(_BATCHES))


async def _transcribed(settings: AppSettings, item: Item, engines: MeasuredEngines, *, diarize: bool) -> None:
    from deployments.local import LocalStore
    from serve_app.pipeline.transcribe import TranscriptionPipeline

    model = settings.substitute
    pipeline = TranscriptionPipeline(
        decoder=engines,
        detector=engines,
        recognizers={model: engines},
        identifiers={model: engines},
        diarizer=engines if diarize and settings.diarizer else None,
        store=LocalStore(),
        settings=replace(settings.pipeline_settings(), detections_in_flight=2),
    )
    options = TranscribeOptions(model=model, diarize=diarize)
    async with aclosing(pipeline.transcribe(MediaFile(path=str(item.path)), options)) as events:
        async for _ in events:
            pass
