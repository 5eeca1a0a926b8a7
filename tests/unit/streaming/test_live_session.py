"""A session whose recognizers are busy with other things: guesses may wait for them, finals not for guesses."""

from __future__ import annotations

import asyncio

import numpy as np
from socket_world import HearsOneWord, LoudIsSpeech

from serve_app.api.streaming.session import LiveSession
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Recording, Waveform
from serve_app.pipeline.load import PARTIAL, REALTIME
from serve_app.ports.speech import Recognition, RecognizeOptions
from serve_app.streaming.engine import StreamEngine
from serve_app.streaming.events import Event, UtteranceEnded
from serve_app.streaming.settings import StreamSettings

RATE_HZ = 16_000


def speech(seconds: float) -> Waveform:
    return np.full(round(seconds * RATE_HZ), 0.1, dtype=np.float32)


def silence(seconds: float) -> Waveform:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.float32)


class NoTimeForGuesses(HearsOneWord):
    """A Recognizer that answers nothing of low priority, and the rest after so many steps of sound."""

    def __init__(self, *, steps: int = 0) -> None:
        super().__init__()
        self.steps = steps
        self.asked: list[int] = []
        self.given_up = 0

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        self.asked.append(options.priority)
        if options.priority == PARTIAL:
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up += 1
        for _ in range(self.steps):
            await asyncio.sleep(0)
        return await super().recognize(recording, chunk, options)


def session_over(recognizer: HearsOneWord) -> tuple[LiveSession, list[Event]]:
    events: list[Event] = []
    session = LiveSession(
        engine=StreamEngine(StreamSettings(), language="en"),
        listener=LoudIsSpeech(),
        recognizer=recognizer,
        on_event=events.append,
        session_id="live",
    )
    return session, events


async def fed(session: LiveSession, *parts: Waveform) -> None:
    for part in parts:
        for step in np.array_split(part, max(part.size // 4000, 1)):
            await session.feed(step)
            await asyncio.sleep(0)  # what it asked for is on its way


async def test_a_final_does_not_wait_for_a_guess_that_waits() -> None:
    recognizer = NoTimeForGuesses()
    session, events = session_over(recognizer)

    async with asyncio.timeout(5):
        await fed(session, silence(0.5), speech(0.9), silence(1.5))

    assert recognizer.asked == [PARTIAL, REALTIME]
    assert recognizer.given_up == 1
    (ended,) = [event for event in events if isinstance(event, UtteranceEnded)]
    assert [word.text for word in ended.words] == ["Hello."]
    await session.close()


async def test_speech_without_a_pause_is_understood_though_its_guesses_wait() -> None:
    recognizer = NoTimeForGuesses()
    session, events = session_over(recognizer)

    async with asyncio.timeout(5):
        await fed(session, speech(9.0))

    assert recognizer.asked.count(REALTIME) >= 2
    assert recognizer.asked[0] == PARTIAL
    assert any(getattr(event, "partial", ()) or getattr(event, "new", ()) for event in events)
    await session.close()


async def test_while_recognizers_are_busy_guesses_go_first_and_then_take_their_turn_again() -> None:
    recognizer = NoTimeForGuesses()
    session, _ = session_over(recognizer)

    async with asyncio.timeout(5):
        await fed(session, speech(18.0))

    first, *others = recognizer.asked
    assert first == PARTIAL
    n_urgent = others.index(PARTIAL)  # after 15 s
    assert n_urgent > 4
    assert others[:n_urgent] == [REALTIME] * n_urgent
    await session.close()


async def test_the_slower_the_recognizers_are_the_fewer_guesses_go_first() -> None:
    asked = []
    for steps in (1, 5):
        recognizer = NoTimeForGuesses(steps=steps)
        session, _ = session_over(recognizer)
        async with asyncio.timeout(5):
            await fed(session, speech(16.0))
        asked.append(recognizer.asked.count(REALTIME))
        await session.close()

    assert asked[1] * 2 < asked[0]
    assert asked[1] >= 3


async def test_a_session_that_closes_leaves_no_guess_behind() -> None:
    recognizer = NoTimeForGuesses()
    session, _ = session_over(recognizer)
    await fed(session, speech(1.5))
    await session.close()

    assert recognizer.given_up == recognizer.asked.count(PARTIAL) == 1
