"""One live session: sound in, events out, the recognizers in between. Knows no dialect and no socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Block, Recording, Span, Waveform
from serve_app.errors import SpeechError
from serve_app.pipeline.fan_out import RetrySettings, with_retries
from serve_app.pipeline.load import PARTIAL, REALTIME
from serve_app.ports.speech import Recognition, RecognizeOptions, Recognizer
from serve_app.ports.streaming import VoiceListener
from serve_app.streaming.decode import Decode
from serve_app.streaming.engine import StreamEngine
from serve_app.streaming.events import Event

log = logging.getLogger("hark.streaming")

_STEP_SAMPLES = SAMPLE_RATE_HZ // 4  # a frame of minutes is heard bit by bit


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How a session uses the recognizers."""

    guess_behind_s: float = 1.0  # sound beyond a guess that was asked for; then it is asked for again, and goes first
    busy_s: float = 15.0  # and so do those of the next seconds,
    busy_pause: float = 3.0  # which come when so many times what the last one took has passed: recordings wait for them
    most_behind_s: float = 3.0  # sound beyond any decode; then the client has to wait
    most_failures: int = 3  # decodes that fail on end before the session does
    finals: RetrySettings = field(default_factory=lambda: RetrySettings(attempts=6, timeout_s=30))
    partials: RetrySettings = field(default_factory=lambda: RetrySettings(attempts=1, timeout_s=10))


class LiveSession:
    """Runs a StreamEngine. `on_event` is called in order, from `feed`, `finish` or between them."""

    def __init__(
        self,
        *,
        engine: StreamEngine,
        listener: VoiceListener,
        recognizer: Recognizer,
        on_event: Callable[[Event], None],
        session_id: str,
        settings: SessionSettings | None = None,
    ) -> None:
        self._engine = engine
        self._listener = listener
        self._recognizer = recognizer
        self._on_event = on_event
        self._id = session_id
        self._settings = settings or SessionSettings()
        self._work: asyncio.Task[None] | None = None
        self._urgent = False  # the decode in flight is a guess that goes first
        self._busy_until_s = 0.0  # of the stream: recognizers have no time for guesses that wait their turn
        self._failures = 0
        self._fault: SpeechError | None = None

    @property
    def duration_s(self) -> float:
        """How much was heard."""
        return self._engine.duration_s

    async def feed(self, samples: Waveform) -> None:
        """Take the next samples. Waits while recognition is far behind, so that a fast sender is slowed down.

        Raises the fault of the recognizers once they have failed several times on end.
        """
        for start in range(0, samples.size, _STEP_SAMPLES):
            heard = await self._listener.listen(samples[start : start + _STEP_SAMPLES])
            self._tell(self._engine.feed(heard.samples, heard.probabilities))
            self._go_on()
            if self._engine.guessing and not self._urgent and self._engine.behind_s > self._settings.guess_behind_s:
                self._busy_until_s = self._engine.duration_s + self._settings.busy_s
                self._ask_again(urgent=True)
            while self._work is not None and self._engine.behind_s > self._settings.most_behind_s:
                await asyncio.wait([self._work])
                self._go_on()
            if self._fault is not None:
                raise self._fault

    async def finish(self) -> None:
        """Write down all that was heard."""
        self._tell(self._engine.finish())
        self._go_on()
        while self._work is not None:
            await asyncio.wait([self._work])
            self._go_on()

    async def close(self) -> None:
        """Stop the work; nothing more is told."""
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.wait([work])

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._on_event(event)

    def _go_on(self) -> None:
        if self._work is not None and not self._work.done():
            if self._engine.overtaken:
                self._ask_again()
            return
        if self._work is not None:
            self._work.result()
        self._ask()

    def _ask(self, *, urgent: bool = False) -> None:
        decode = self._next_decode(urgent=urgent)
        self._work = asyncio.create_task(self._decode(decode)) if decode is not None else None

    def _ask_again(self, *, urgent: bool = False) -> None:
        """Skip the guess in flight: it may wait in a queue behind recordings, and what is asked now says more."""
        if self._work is not None:
            self._work.cancel()
        self._tell(self._engine.skip())
        self._ask(urgent=urgent)

    def _next_decode(self, *, urgent: bool = False) -> Decode | None:
        busy = self._engine.duration_s < self._busy_until_s
        self._urgent = urgent or busy
        return self._engine.next_decode(pause=self._settings.busy_pause if busy and not urgent else 0.0)

    async def _decode(self, first: Decode) -> None:
        decode: Decode | None = first
        while decode is not None:
            try:
                recognition = await self._recognize(decode)
            except SpeechError as fault:
                self._failures += 1
                log.warning("decode_failed session=%s kind=%s error_code=%s", self._id, decode.kind, fault.error_code)
                if self._failures >= self._settings.most_failures:
                    self._fault = fault
                self._tell(self._engine.skip())
            else:
                self._failures = 0
                self._tell(self._engine.accept(recognition))
            decode = self._next_decode()

    async def _recognize(self, decode: Decode) -> Recognition:
        n_samples = decode.samples.size
        recording = Recording(blocks=(Block(start=0, n_samples=n_samples, samples=decode.samples),))
        chunk = Chunk(spans=(Span(0.0, n_samples / SAMPLE_RATE_HZ),))
        options = RecognizeOptions(
            language=decode.language,
            language_hint=decode.language_hint,
            language_candidates=decode.candidates,
            prefix=decode.prefix,
            beam_size=1 if decode.kind == "partial" else None,
            window_s=0.0,
            retry=decode.retry,
            request_id=self._id,
            # without any guess nothing is ever committed
            priority=REALTIME if self._urgent or decode.kind == "final" else PARTIAL,
        )
        retries = self._settings.partials if decode.kind == "partial" else self._settings.finals
        return await with_retries(partial(self._recognizer.recognize, recording, chunk, options), retries)
