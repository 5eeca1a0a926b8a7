"""Scripted ports: a file of which it is known what is said in it, and models that hear exactly that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
import numpy.typing as npt
from hearing import Said, recognition, talk

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Recording, Span, Waveform, read_span
from serve_app.audio.speech import FRAME_S, FRAME_SAMPLES, with_context
from serve_app.audio.windows import samples_needed, windows_in
from serve_app.pipeline.fan_out import RetrySettings
from serve_app.pipeline.settings import PipelineSettings
from serve_app.pipeline.transcribe import TranscriptionPipeline
from serve_app.ports.speech import (
    DecodedBlock,
    MediaFile,
    Recognition,
    RecognizeOptions,
    SpeakerBounds,
    SpeakerWindows,
    TranscribeEvent,
    TranscribeOptions,
)
from serve_app.transcript.model import SpeakerTurns, Transcript, Turn

AT_ONCE = RetrySettings(first_pause_s=0.0, longest_pause_s=0.0)
OPTIONS = TranscribeOptions(model="base", request_id="r1")
SOURCE = MediaFile(path="/somewhere/meeting.wav")


def meeting(n_turns: int, *, turn_s: float = 8.0, pause_s: float = 2.0) -> Said:
    """Turns of talk with pauses between them, half a second into the file."""
    starts_s = [0.5 + i * (turn_s + pause_s) for i in range(n_turns)]
    return talk([Span(start_s, start_s + turn_s) for start_s in starts_s], margin_s=0.0)


class Store:
    """Keeps samples under opaque references, as an object store does."""

    def __init__(self) -> None:
        self._kept: dict[object, Waveform] = {}

    def put(self, samples: Waveform) -> object:
        reference = object()
        self._kept[reference] = samples
        return reference

    def resolved(self, recording: Recording) -> Recording:
        blocks = tuple(replace(block, samples=self._kept[block.samples]) for block in recording.blocks)
        return Recording(blocks=blocks)


@dataclass(kw_only=True)
class Decoder:
    duration_s: float
    block_s: float = 30.0
    warning: str | None = None
    fault: Exception | None = None  # raised after the last block
    closed: bool = False
    stuck_after: int | None = None  # blocks
    noise: float = 0.0  # the level of white noise over everything

    async def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        assert source == SOURCE
        try:
            left = round(self.duration_s * SAMPLE_RATE_HZ)
            given = 0
            random = np.random.default_rng(0)
            while left:
                size = min(left, round(self.block_s * SAMPLE_RATE_HZ))
                left -= size
                yield DecodedBlock(samples=self._sound(random, size), warning=None if left else self.warning)
                given += 1
                if given == self.stuck_after:
                    await asyncio.Event().wait()
                await asyncio.sleep(0)
            if self.fault:
                raise self.fault
        finally:
            self.closed = True

    def _sound(self, random: np.random.Generator, size: int) -> Waveform:
        if not self.noise:
            return np.zeros(size, dtype=np.float32)
        return (self.noise * random.standard_normal(size)).astype(np.float32)


@dataclass(kw_only=True)
class Ports:
    """What every scripted model has: a record of its calls, faults to raise, a door that can be shut."""

    store: Store
    replicas: int = 100
    seed: int | None = None  # calls take a random number of turns of the event loop
    faults: dict[int, Exception] = field(default_factory=dict)  # by number of call
    shut: bool = False  # calls never return
    started: int = 0
    cancelled: int = 0
    running: int = 0
    most_running: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.replicas)
        self._random = Random(self.seed)  # noqa: S311

    async def _called(self) -> None:
        number = self.started
        self.started += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.entered.set()
        try:
            async with self._free:
                if self.shut:
                    await asyncio.Event().wait()
                for _ in range(self._random.randint(0, 7) if self.seed is not None else 1):
                    await asyncio.sleep(0)
            if number in self.faults:
                raise self.faults[number]
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


@dataclass(kw_only=True)
class Detector(Ports):
    said: Said
    spans: list[Span] = field(default_factory=list)

    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        await self._called()
        self.spans.append(span)
        heard = read_span(self.store.resolved(recording), with_context(span))
        assert len(heard) == round(with_context(span).duration_s * SAMPLE_RATE_HZ)
        n_frames = -(-round(span.duration_s * SAMPLE_RATE_HZ) // FRAME_SAMPLES)
        middles_s = span.start_s + (np.arange(n_frames) + 0.5) * FRAME_S
        voiced = [(s.start_s <= middles_s) & (middles_s < s.end_s) for s in self.said.speech]
        return np.where(np.any([*voiced, np.zeros(n_frames, bool)], axis=0), 0.99, 0.01).astype(np.float32)


@dataclass(kw_only=True)
class Recognizer(Ports):
    said: Said
    language: str = "en"
    hear: Callable[[Chunk, RecognizeOptions], Recognition] | None = None
    calls: list[tuple[Chunk, RecognizeOptions]] = field(default_factory=list)
    identified: list[tuple[Chunk, tuple[str, ...]]] = field(default_factory=list)
    votes: list[dict[str, float]] = field(default_factory=list)

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        self.calls.append((chunk, options))
        await self._called()
        n_samples = chunk.waveform(self.store.resolved(recording)).size
        assert abs(n_samples - chunk.duration_s * SAMPLE_RATE_HZ) <= len(chunk.spans)
        if self.hear:
            return self.hear(chunk, options)
        return recognition(self.said.heard_in(chunk), language=options.language or self.language)

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        await self._called()
        assert chunk.waveform(self.store.resolved(recording)).size
        self.identified.append((chunk, tuple(candidates)))
        return self.votes[len(self.identified) - 1] if self.votes else {self.language: 0.9, "is": 0.1}


@dataclass(kw_only=True)
class Diarizer(Ports):
    turns: SpeakerTurns = field(default_factory=SpeakerTurns)
    linked: list[SpeakerWindows] = field(default_factory=list)
    bounds: SpeakerBounds | None = None

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        await self._called()
        needed = samples_needed(span, duration_s)
        heard = read_span(self.store.resolved(recording), needed)
        assert abs(heard.size - needed.duration_s * SAMPLE_RATE_HZ) <= 1
        windows = windows_in(span, duration_s)
        return SpeakerWindows(
            first_window=windows.start,
            activity=np.zeros((len(windows), 1, 1), dtype=np.uint8),
            embeddings=np.zeros((len(windows), 1, 1), dtype=np.float32),
        )

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        await self._called()
        self.linked, self.bounds = list(windows), bounds
        return self.turns


class Studio:
    """A pipeline over scripted ports; keywords of `with_*` replace fields of a port before it runs."""

    def __init__(self, said: Said, *, duration_s: float | None = None, **settings: object) -> None:
        end_s = said.speech[-1].end_s + 1.0 if said.speech else 30.0
        self.said = said
        self.store = Store()
        self.decoder = Decoder(duration_s=duration_s or end_s)
        self.detector = Detector(store=self.store, said=said)
        self.recognizer = Recognizer(store=self.store, said=said)
        self.diarizer = Diarizer(store=self.store, turns=alternating(said))
        self.settings = replace(PipelineSettings(retries=AT_ONCE), **settings)

    def pipeline(self, *, diarizes: bool = True) -> TranscriptionPipeline:
        return TranscriptionPipeline(
            decoder=self.decoder,
            detector=self.detector,
            recognizers={"base": self.recognizer},
            identifiers={"base": self.recognizer},
            diarizer=self.diarizer if diarizes else None,
            store=self.store,
            settings=self.settings,
        )

    async def events(self, options: TranscribeOptions = OPTIONS) -> list[TranscribeEvent]:
        return [event async for event in self.pipeline().transcribe(SOURCE, options)]

    async def transcript(self, options: TranscribeOptions = OPTIONS) -> Transcript:
        last = (await self.events(options))[-1]
        assert isinstance(last, Transcript)
        return last

    @property
    def models(self) -> tuple[Ports, ...]:
        return self.detector, self.recognizer, self.diarizer


def alternating(said: Said) -> SpeakerTurns:
    """Two speakers, whose numbers are not those of their appearance, have a span of speech in turn."""
    turns = tuple(Turn(start_s=span.start_s, end_s=span.end_s, speaker=1 - i % 2) for i, span in enumerate(said.speech))
    return SpeakerTurns(heard=turns, exclusive=turns)
