"""What both dialects do with a session: open it, feed it bytes, end it, and charge what was heard."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from serve_app.api.streaming.session import LiveSession
from serve_app.api.streaming.socket import BAD_DATA, TOO_BIG, UNSUPPORTED, Connection, ProtocolFault
from serve_app.audio.live_input import LiveInput
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.errors import UnknownLanguage
from serve_app.ports.streaming import Enhancement, SoundEnhancer
from serve_app.streaming.engine import StreamEngine
from serve_app.streaming.events import Event
from serve_app.transcript.languages import language_code

MAX_LANGUAGES = 5
MAX_FRAME_BYTES = 4 * 1024**2


class Talk:
    """One open session of a connection."""

    def __init__(
        self,
        connection: Connection,
        session: LiveSession,
        engine: StreamEngine,
        sound: LiveInput,
        enhancer: SoundEnhancer | None,
    ) -> None:
        self._connection = connection
        self._session = session
        self._engine = engine
        self._sound = sound
        self._enhancer = enhancer

    @property
    def heard_s(self) -> float:
        return self._session.duration_s

    def use_sound(self, sound: LiveInput) -> None:
        """Take what comes next in another encoding or rate."""
        self._sound = sound

    @property
    def sound(self) -> LiveInput:
        return self._sound

    def use_languages(self, languages: Sequence[str]) -> None:
        self._engine.use_languages(languages[0] if len(languages) == 1 else None, languages)

    async def hear(self, frame: bytes) -> None:
        """Take a frame of sound. Raises what Ticket.cover raises, and the recognizers' fault when they are down."""
        samples = self._sound.decode(frame)
        await self._connection.cover(self.heard_s + samples.size / SAMPLE_RATE_HZ)
        await self._feed(samples)

    async def end(self) -> int:
        """Write down everything that was heard, and charge it; return the credits it cost."""
        await self._feed(self._sound.decode(b"", last=True), last=True)
        await self._session.finish()
        return await self._connection.charge(self.heard_s)

    async def _feed(self, samples: Waveform, *, last: bool = False) -> None:
        if self._enhancer is not None:
            samples = await self._enhancer.enhance(samples, last=last)
        await self._session.feed(samples)


@asynccontextmanager
async def open_talk(
    connection: Connection,
    *,
    model: str,
    languages: Sequence[str],
    sound: LiveInput,
    on_event: Callable[[Event], None],
    utterance_end_s: float | None = None,
    enhancement: Enhancement | None = None,
    keep_sound: bool = False,
) -> AsyncIterator[Talk]:
    """Open a session for the block; what was heard by its end is charged, however it ends."""
    services = connection.services
    stream = replace(services.settings.stream, keep_sound=keep_sound)
    if utterance_end_s is not None:
        stream = replace(stream, utterance_end_s=utterance_end_s)
    engine = StreamEngine(stream, language=languages[0] if len(languages) == 1 else None, candidates=languages)
    session = LiveSession(
        engine=engine,
        listener=services.open_listener(),
        recognizer=services.recognizers[model],
        on_event=on_event,
        session_id=connection.session_id,
        settings=services.settings.session,
    )
    enhancer = services.open_enhancer(enhancement) if enhancement is not None else None
    try:
        yield Talk(connection, session, engine, sound, enhancer)
    finally:
        await session.close()
        await connection.charge(session.duration_s)


def json_object(text: str) -> dict[str, Any]:
    """Parse a text frame. Raises ProtocolFault."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise ProtocolFault("This text frame is not JSON.", code=BAD_DATA) from fault
    if not isinstance(value, dict):
        raise ProtocolFault("A text frame holds a JSON object.", code=BAD_DATA)
    return value


def checked_frame(frame: bytes) -> bytes:
    if len(frame) > MAX_FRAME_BYTES:
        raise ProtocolFault("A binary frame has at most 4 MiB; send the audio as it is spoken.", code=TOO_BIG)
    return frame


def language_codes(values: object) -> tuple[str, ...]:
    """Return the codes of a language, a list of them, or none of `auto` and null.

    Raises UnknownLanguage, or ProtocolFault for too many.
    """
    if values is None:
        return ()
    names = [values] if isinstance(values, str) else values
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ProtocolFault("Languages are a list of codes, or null to detect them.", code=UNSUPPORTED)
    names = [name for name in names if name.strip() and name.strip().lower() not in ("auto", "multi")]
    if len(names) > MAX_LANGUAGES:
        raise ProtocolFault(f"At most {MAX_LANGUAGES} languages can be told apart at once.", code=UNSUPPORTED)
    codes = []
    for name in names:
        code = language_code(name)
        if code is None:
            raise UnknownLanguage(f"The language {name[:32]!r} is unknown; use a code such as en.", field="language")
        codes.append(code)
    return tuple(dict.fromkeys(codes))
