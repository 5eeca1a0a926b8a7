"""Engines that take as long as measured ones and hear made-up words: the same for the same recording, in any order."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.scale.simulation.calibration import Calibration
from benchmarks.scale.simulation.clock import SimulatedLoop
from deployments.batching import DrainingBatcher
from deployments.workload import WorkMeter
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Recording, Span, Waveform
from serve_app.audio.speech import FRAME_S
from serve_app.ports.speech import (
    DecodedBlock,
    Recognition,
    RecognizeOptions,
    SpeakerBounds,
    SpeakerWindows,
)
from serve_app.transcript.model import Segment, SpeakerTurns, Turn, Word

BLOCK_S = 30.0  # what the media replica sends at once
_SENTENCE_WORDS = 12
_HOLE_S = 1.6
_FIRST_ATTEMPT_S = 20.0  # shorter chunks are rests and repairs, which end well
_PADDING_S = 0.3  # 0.4 at most, less where pauses are short
_TURN_S = 8.0
_N_SPEAKERS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A made-up recording; `active` is (n_frames,), True where somebody speaks."""

    seconds: float
    active: npt.NDArray[np.bool_] = field(repr=False)


def track_of(calibration: Calibration, seconds: float, *, seed: int) -> Track:
    """Lay measured stretches of speech and pauses on end, in another order for each seed."""
    chance = random.Random(seed)  # noqa: S311 - for its repeatability
    active = np.zeros(-(-round(seconds * SAMPLE_RATE_HZ) // round(FRAME_S * SAMPLE_RATE_HZ)), dtype=np.bool_)
    pairs = list(zip(calibration.speech_s, calibration.pause_s, strict=True))
    at_s = 0.0
    while at_s < seconds:
        speech_s, pause_s = chance.choice(pairs)
        # Measured speech comes with the padding that the pipeline will add again.
        bare_s = max(speech_s - _PADDING_S, 0.2)
        active[round(at_s / FRAME_S) : round((at_s + bare_s) / FRAME_S)] = True
        at_s += speech_s + pause_s
    return Track(seconds=seconds, active=active)


class OwnStore:
    """Implements ports.SampleStore for one recording: its track stands for all of its samples."""

    def __init__(self, track: Track) -> None:
        self._track = track

    def put(self, samples: Waveform) -> object:
        return self._track


class SleepingMedia:
    """A media replica of one core: blocks of all its files, one after the other."""

    def __init__(self, calibration: Calibration, loop: SimulatedLoop) -> None:
        self._block_s = calibration.media_s * BLOCK_S
        self._loop = loop
        self._core = _Core()
        generator = np.random.default_rng(0)
        self._noise = generator.normal(0, 0.1, round(BLOCK_S * SAMPLE_RATE_HZ)).astype(np.float32)

    async def decode(self, seconds: float) -> AsyncGenerator[DecodedBlock]:
        left = round(seconds * SAMPLE_RATE_HZ)
        while left > 0:
            await self._loop.run_in_executor(self._core, self._loop.charge, self._block_s)
            yield DecodedBlock(samples=self._noise[: min(left, self._noise.size)])
            left -= self._noise.size


class SleepingDetector:
    """A voice detector of one core."""

    def __init__(self, calibration: Calibration, loop: SimulatedLoop) -> None:
        self._per_audio_s = calibration.detect_s
        self._loop = loop
        self._core = _Core()

    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        await self._loop.run_in_executor(self._core, self._loop.charge, self._per_audio_s * span.duration_s)
        track = recording.blocks[0].samples
        assert isinstance(track, Track)  # noqa: S101 - what OwnStore put there
        first = round(span.start_s / FRAME_S)
        active = track.active[first : first + int(np.ceil(span.duration_s / FRAME_S - 1e-6))]
        return np.where(active, np.float32(0.99), np.float32(0.01))


class SleepingRecognizer:
    """A recognizer replica: the real batcher over an engine that only takes its time."""

    def __init__(self, calibration: Calibration, loop: SimulatedLoop, *, max_batch: int, max_waiting: int) -> None:
        self._calibration = calibration
        self._loop = loop
        self.meter = WorkMeter(clock=loop.time)
        self.windows = 0
        self.worked_s = 0.0
        self._batcher = DrainingBatcher[_Window, _Window, Recognition](
            prepare=self._encode, run=self._decode, max_batch=max_batch, max_waiting=max_waiting, meter=self.meter
        )

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        return await self._batcher.submit(
            _Window(chunk, options),
            key=options.request_id,
            priority=options.priority,
            audio_s=chunk.duration_s,
        )

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        await self._batcher.on_engine(lambda: self._work(self._calibration.identify_s))
        return {"en": 0.98, "de": 0.01}

    def _encode(self, window: _Window) -> _Window:
        self._work(self._calibration.encode_time(window.chunk.duration_s))
        return window

    def _decode(self, windows: Sequence[_Window]) -> list[Recognition]:
        longest_s = max(window.chunk.duration_s for window in windows)
        chance = _chance_of(windows[0])
        usual_s = self._calibration.decode_time(len(windows), longest_s)
        self._work(usual_s * chance.choice(self._calibration.residuals))
        self.windows += len(windows)
        return [heard_in(window.chunk, _chance_of(window), self._calibration) for window in windows]

    def _work(self, seconds: float) -> None:
        self._loop.charge(seconds)
        self.worked_s += seconds


class SleepingDiarizer:
    """A diarizer replica of one core; its turns are as long as each other."""

    def __init__(self, calibration: Calibration, loop: SimulatedLoop) -> None:
        self._calibration = calibration
        self._loop = loop
        self._core = _Core()

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        await self._loop.run_in_executor(self._core, self._loop.charge, self._calibration.diarize_s * span.duration_s)
        return SpeakerWindows(
            first_window=0, activity=np.zeros((0, 0, 0), np.uint8), embeddings=np.zeros((0, 0, 0), np.float32)
        )

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        await self._loop.run_in_executor(self._core, self._loop.charge, self._calibration.link_s * duration_s)
        n_turns = max(1, round(duration_s / _TURN_S))
        turns = tuple(
            Turn(start_s=n * _TURN_S, end_s=(n + 1) * _TURN_S, speaker=n * 7 % _N_SPEAKERS) for n in range(n_turns)
        )
        return SpeakerTurns(heard=turns, exclusive=turns)


class _Core:
    """What works one thing at a time."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True)
class _Window:
    chunk: Chunk
    options: RecognizeOptions


def _chance_of(window: _Window) -> random.Random:
    """Return the chance of this chunk: the same wherever and whenever it is recognized."""
    spans, options = window.chunk.spans, window.options
    return random.Random(f"{options.request_id}/{spans[0].start_s:.2f}/{spans[-1].end_s:.2f}/{options.retry}")  # noqa: S311


def heard_in(chunk: Chunk, chance: random.Random, calibration: Calibration) -> Recognition:
    """Make up what is heard: words at an even pace, a hole now and then, and an end where measured chunks ended."""
    duration_s = chunk.duration_s
    first_attempt = duration_s >= _FIRST_ATTEMPT_S
    end_s = duration_s * (chance.choice(calibration.reached) if first_attempt and calibration.reached else 1.0)
    # One hole at most; a rate above one hole a chunk is taken for certainty.
    hole_s = chance.uniform(2, end_s - 4) if first_attempt and chance.random() < calibration.holes_per_chunk else None
    step_s = 1 / calibration.words_per_s
    words = []
    for n in range(max(round(end_s / step_s), 1)):
        start_s = n * step_s
        if hole_s is not None and hole_s <= start_s < hole_s + _HOLE_S:
            continue
        mark = "." if n % _SENTENCE_WORDS == _SENTENCE_WORDS - 1 else ""
        # A number of its own: words that repeat would be taken for a loop.
        text = f"w{round((chunk.spans[0].start_s + start_s) * 100)}{mark}"
        word_end_s = min(start_s + step_s, max(end_s, step_s))
        words.append(Word(text=text, start_s=start_s, end_s=word_end_s, confidence=0.9))
    segments = tuple(_segment(words[n : n + _SENTENCE_WORDS]) for n in range(0, len(words), _SENTENCE_WORDS))
    return Recognition(segments=segments, language="en", language_probability=0.98, reached_s=end_s, avg_logprob=-0.3)


def _segment(words: Sequence[Word]) -> Segment:
    return Segment(start_s=words[0].start_s, end_s=words[-1].end_s, text="", words=tuple(words), language="en")
