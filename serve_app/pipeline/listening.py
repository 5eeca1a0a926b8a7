"""The first stage: decode a file block by block and find the speech in it while it is being decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

import numpy as np

from serve_app.audio.plan import split_long_spans
from serve_app.audio.recording import SAMPLE_RATE_HZ, Block, Recording, Span
from serve_app.audio.snr import FrameMeter, estimate_snr_db
from serve_app.audio.speech import Probabilities, detection_spans, speech_spans, weakest_frame, with_context
from serve_app.errors import CorruptMedia
from serve_app.pipeline.again import PersistentDecoder
from serve_app.pipeline.fan_out import cancelling_group, with_retries
from serve_app.pipeline.settings import PipelineSettings
from serve_app.ports.speech import MediaDecoder, MediaFile, Progress, SampleStore, VoiceDetector
from serve_app.transcript.model import Warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """A decoded recording and where somebody speaks in it."""

    recording: Recording
    speech: tuple[Span, ...]
    snr_db: float | None = None
    warnings: tuple[Warning, ...] = ()


async def listen(
    source: MediaFile,
    *,
    decoder: MediaDecoder,
    detector: VoiceDetector,
    store: SampleStore,
    settings: PipelineSettings,
    report: Callable[[Progress], None],
) -> Listened:
    """Decode and detect side by side. Raises what the decoder raises, CorruptMedia when there is no sample."""
    decoder = PersistentDecoder(decoder, settings.retries)
    blocks: list[Block] = []
    warnings: list[Warning] = []
    meter = FrameMeter()
    async with cancelling_group() as group, aclosing(decoder.decode(source)) as decoded:
        detection = _Detection(group, detector, settings)
        async for block in decoded:
            if block.samples.size:
                start = blocks[-1].end if blocks else 0
                meter.add(block.samples)
                blocks.append(Block(start=start, n_samples=block.samples.size, samples=store.put(block.samples)))
                report(Progress(stage="decoding", done=0.0, audio_s=blocks[-1].end / SAMPLE_RATE_HZ))
                detection.go_on(Recording(blocks=tuple(blocks)))
            if block.warning:
                warnings.append(Warning(code="media_damaged", message=block.warning))
        if not blocks:
            raise CorruptMedia("The file holds no sound: its audio track is empty.")
        recording = Recording(blocks=tuple(blocks))
        detection.go_on(recording, complete=True)
    probabilities = detection.probabilities()
    return Listened(
        recording=recording,
        speech=_speech(probabilities, recording, settings),
        snr_db=estimate_snr_db(meter.statistics(), probabilities),
        warnings=tuple(warnings),
    )


class _Detection:
    """Detects speech in a recording that grows, some stretches of it at once."""

    def __init__(self, group: asyncio.TaskGroup, detector: VoiceDetector, settings: PipelineSettings) -> None:
        self._group = group
        self._detector = detector
        self._retries = settings.retries
        self._slots = asyncio.Semaphore(settings.detections_in_flight)
        self._found: list[asyncio.Task[Probabilities]] = []

    def go_on(self, recording: Recording, *, complete: bool = False) -> None:
        """Start on what is new of the recording; until it is `complete` its last span may still grow."""
        spans = detection_spans(recording.n_samples, skip=len(self._found))
        ready = spans if complete else spans[:-1]
        self._found.extend(self._group.create_task(self._detect(span, recording)) for span in ready)

    def probabilities(self) -> Probabilities:
        """Return those of the whole recording. Call it when the group has ended."""
        return np.concatenate([task.result() for task in self._found])

    async def _detect(self, span: Span, recording: Recording) -> Probabilities:
        async with self._slots:
            part = recording.overlapping([with_context(span)])
            return await with_retries(partial(self._detector.speech_probabilities, part, span), self._retries)


def _speech(probabilities: Probabilities, recording: Recording, settings: PipelineSettings) -> tuple[Span, ...]:
    spans = speech_spans(probabilities, duration_s=recording.duration_s, settings=settings.speech)
    return tuple(
        # Half a chunk: speech without a pause then still leaves a choice of where to cut.
        split_long_spans(spans, longest_s=settings.plan.chunk_s / 2, weakest=partial(weakest_frame, probabilities))
    )
