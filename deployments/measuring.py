"""What is measured around models and pipelines, told to a Meter. Knows no Ray."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TypeVar

from serve_app.errors import InternalError, SpeechError
from serve_app.ports import metrics
from serve_app.ports.language import Generation, TextDelta
from serve_app.ports.metrics import Meter, urgency
from serve_app.ports.speech import Clock, Recognition, RecognizeOptions, TranscribeEvent
from serve_app.transcript.model import Transcript

log = logging.getLogger("hark.measuring")

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")

CANCELLED = "cancelled"
_EMPTY = {"no_speech_detected": "no_speech", "low_snr_dropped": "low_snr"}


class RecognizerMeasures:
    """Measures the chunks that pass through one recognizer: `chunk` around each, `preparing` and `running` in its
    engine. Chunks are told apart by identity; engine threads may call too."""

    def __init__(self, meter: Meter, *, model: str, clock: Clock = time.monotonic) -> None:
        self._meter = meter
        self._model = model
        self._clock = clock
        self._waiting: dict[int, tuple[float, float, str]] = {}  # arrival, seconds of audio, urgency
        self._changing = threading.Lock()
        self._is_busy = False  # the engine's thread alone looks at it

    @asynccontextmanager
    async def chunk(
        self, item: object, options: RecognizeOptions, *, audio_s: float
    ) -> AsyncIterator[Callable[[Recognition], None]]:
        """Measure one chunk from its arrival to the block's end; hand the recognition to what is yielded."""
        arrived_s, label = self._clock(), urgency(options.priority)
        self._wait(item, (arrived_s, audio_s, label))
        heard: list[Recognition] = []
        outcome = "ok"
        try:
            yield heard.append
        except asyncio.CancelledError:
            outcome = CANCELLED
            raise
        except Exception as error:
            outcome = code_of(error)
            raise
        finally:
            self._wait(item, None)
            self._meter.add(metrics.CHUNKS, model=self._model, outcome=outcome)
            took_s = self._clock() - arrived_s
            if heard:
                self._recognized(heard[0], options, audio_s=audio_s, took_s=took_s)
            log.log(
                logging.DEBUG if label == "realtime" else logging.INFO,  # a live session decodes several times a second
                "chunk_ended request_id=%s outcome=%s model=%s urgency=%s audio_s=%.2f took_s=%.3f retry=%d",
                options.request_id,
                outcome,
                self._model,
                label,
                audio_s,
                took_s,
                options.retry,
            )

    def preparing(self, prepare: Callable[[Item], Prepared]) -> Callable[[Item], Prepared]:
        """Return `prepare`, which ends the wait of its item and is engine time."""

        def measured(item: Item) -> Prepared:
            waited = self._wait(item, None)
            if waited is not None:
                arrived_s, _, label = waited
                self._meter.observe(metrics.QUEUE_SECONDS, self._clock() - arrived_s, model=self._model, urgency=label)
            with self._busy():
                return prepare(item)

        return measured

    def running(
        self, run: Callable[[Sequence[Prepared]], list[Result]]
    ) -> Callable[[Sequence[Prepared]], list[Result]]:
        """Return `run`, whose batches are counted and which is engine time."""

        def measured(batch: Sequence[Prepared]) -> list[Result]:
            self._meter.observe(metrics.BATCH_SIZE, len(batch), model=self._model)
            with self._busy():
                return run(batch)

        return measured

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Count the block's time, unless it is within another such block: between its steps something else may go."""
        if self._is_busy:
            yield
            return
        self._is_busy, started_s = True, self._clock()
        try:
            yield
        finally:
            self._is_busy = False
            self._meter.add(metrics.RECOGNIZER_BUSY_SECONDS, self._clock() - started_s, model=self._model)

    def _recognized(self, heard: Recognition, options: RecognizeOptions, *, audio_s: float, took_s: float) -> None:
        labels = {"model": self._model, "urgency": urgency(options.priority)}
        self._meter.add(metrics.RECOGNIZED_SECONDS, audio_s, **labels)
        self._meter.observe(metrics.CHUNK_SECONDS, took_s, **labels)
        if options.retry:
            self._meter.add(metrics.FALLBACKS, model=self._model)
        if not any(segment.words for segment in heard.segments):
            self._meter.add(metrics.SILENT_CHUNKS, model=self._model)

    def _wait(self, item: object, waits: tuple[float, float, str] | None) -> tuple[float, float, str] | None:
        """Let an item wait, or end its wait; return what was known of it."""
        with self._changing:
            known = self._waiting.pop(id(item), None)
            if waits is not None:
                self._waiting[id(item)] = waits
            elif known is None:
                return None
            chunks, audio_s = len(self._waiting), sum(audio_s for _, audio_s, _ in self._waiting.values())
        self._meter.set(metrics.WAITING_CHUNKS, chunks, model=self._model)
        self._meter.set(metrics.WAITING_SECONDS, audio_s, model=self._model)
        return known


async def measured_transcription(
    events: AsyncGenerator[TranscribeEvent],
    meter: Meter,
    *,
    model: str,
    source: str,
    request_id: str = "",
    clock: Clock = time.monotonic,
) -> AsyncGenerator[TranscribeEvent]:
    """Yield what a pipeline yields; count and log how it ended."""
    started_s = clock()
    outcome, audio_s = CANCELLED, 0.0
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Transcript):
                    outcome, audio_s = _outcome_of(event), event.duration_s
                    labels = {"model": model, "source": source}
                    meter.add(metrics.TRANSCRIBED_SECONDS, event.duration_s, **labels)
                    if event.duration_s > 0:
                        meter.observe(metrics.TRANSCRIPT_RTF, (clock() - started_s) / event.duration_s, **labels)
                yield event
    except Exception as error:
        outcome = code_of(error)
        raise
    finally:
        meter.add(metrics.TRANSCRIPTS, model=model, source=source, outcome=outcome)
        log.info(
            "transcript_ended request_id=%s outcome=%s model=%s source=%s audio_s=%.2f took_s=%.2f",
            request_id,
            outcome,
            model,
            source,
            audio_s,
            clock() - started_s,
        )


def _outcome_of(transcript: Transcript) -> str:
    if transcript.segments:
        return "ok"
    return next((_EMPTY[warning.code] for warning in transcript.warnings if warning.code in _EMPTY), "ok")


async def measured_answer(
    answer: AsyncGenerator[TextDelta | Generation], meter: Meter, *, model: str, clock: Clock = time.monotonic
) -> AsyncGenerator[TextDelta | Generation]:
    """Yield a language model's answer as it is written, and count its tokens at its end."""
    with _one_answer(meter, model, clock) as written:
        async with aclosing(answer):
            async for item in answer:
                if isinstance(item, Generation):
                    written(item)
                yield item


async def measured_generation(
    answer: Awaitable[Generation], meter: Meter, *, model: str, clock: Clock = time.monotonic
) -> Generation:
    """Return a language model's answer, its tokens counted."""
    with _one_answer(meter, model, clock) as written:
        generation = await answer
        written(generation)
        return generation


@contextmanager
def _one_answer(meter: Meter, model: str, clock: Clock) -> Iterator[Callable[[Generation], None]]:
    started_s = clock()
    outcome = CANCELLED

    def written(generation: Generation) -> None:
        nonlocal outcome
        outcome = "ok"
        meter.add(metrics.TOKENS, generation.prompt_tokens, model=model, kind="prompt")
        meter.add(metrics.TOKENS, generation.completion_tokens, model=model, kind="generated")
        meter.observe(metrics.GENERATION_SECONDS, clock() - started_s, model=model)

    try:
        yield written
    except Exception as error:
        outcome = code_of(error)
        raise
    finally:
        meter.add(metrics.GENERATIONS, model=model, outcome=outcome)


def code_of(error: Exception) -> str:
    """Return the error code that a failure ends with."""
    return error.error_code if isinstance(error, SpeechError) else InternalError.error_code
