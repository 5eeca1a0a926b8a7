"""`WS /ws/stt`: the 60db dialect."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import deque
from dataclasses import dataclass
from typing import Any

from serve_app.api.callers import caller_of
from serve_app.api.context import gate_of
from serve_app.api.streaming.refining import corrected, refined
from serve_app.api.streaming.sixtydb_messages import final, interim, label_of, sentence_id, test_response
from serve_app.api.streaming.sixtydb_start import Start, encoding_of, parse_start, rate_of
from serve_app.api.streaming.socket import BAD_DATA, GENTLE_ENDS, Connection, ProtocolFault
from serve_app.api.streaming.talk import Talk, checked_frame, json_object, language_codes, open_talk
from serve_app.audio.live_input import LiveInput
from serve_app.errors import SpeechError
from serve_app.ports.streaming import RefineContext
from serve_app.streaming.events import Event, SpeechStarted, Update, UtteranceEnded
from serve_app.streaming.speakers import LiveSpeakers
from serve_app.transcript.model import join_words

VOICE_S = 5.0  # then an utterance stays without a speaker


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An utterance that waits for its canonical form, the text it has, and how long a better one is waited for."""

    event: UtteranceEnded
    text: str
    until_s: float  # of the loop's time


class SixtydbDialect:
    """Typed JSON messages; two final events for an utterance when the session has a context."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._start: Start | None = None
        self._last_interim_s = float("-inf")
        self._completing: asyncio.Task[None] | None = None
        self._waiting: deque[_Told] = deque()
        self._speakers: LiveSpeakers | None = None  # None: nobody asked for them
        self._labelled: list[str] = []  # sentence ids, as the speakers' labels

    def error(self, fault: SpeechError) -> dict[str, Any]:
        return {"type": "error", "error": fault.message, "error_code": fault.error_code, "details": fault.details}

    async def run(self, connection: Connection) -> None:
        self._connection = connection
        connection.send({"type": "connecting"})
        caller = await caller_of(connection.websocket)
        try:
            await connection.admit(caller, gate_of(connection.websocket), lambda: self._talk(connection))
        finally:
            if self._completing is not None:
                self._completing.cancel()  # nobody hears of it any more

    async def _talk(self, connection: Connection) -> None:
        connection.send({"type": "connection_established", "connection_established": True})
        start = await self._wait_for_start(connection)
        self._start = start
        if start.diarize:
            self._speakers = LiveSpeakers(start.speakers)
            connection.surcharge("diarize_60db")
        catalogue = connection.services.shared.catalogue
        model, _ = catalogue.resolve(None)
        async with open_talk(
            connection,
            model=model,
            languages=start.languages,
            sound=LiveInput(encoding=start.encoding, sample_rate_hz=start.sample_rate_hz),
            on_event=self._tell,
            utterance_end_s=start.utterance_end_s,
            enhancement=start.enhancement,
            keep_sound=start.diarize,
        ) as talk:
            for kind in ("connected", "session_started"):
                connection.send({"type": kind, "session_id": connection.session_id, "model": model})
            try:
                await self._listen(connection, talk)
            except GENTLE_ENDS:
                await self._end(connection, talk)
                raise
            await self._end(connection, talk)

    async def _wait_for_start(self, connection: Connection) -> Start:
        while True:
            frame = await connection.receive(patience_s=connection.services.settings.start_s)
            if isinstance(frame, bytes):
                raise ProtocolFault("Sound came before the start message.")
            message = json_object(frame)
            if message.get("type") == "start":
                return parse_start(message)
            if message.get("type") != "test":
                raise ProtocolFault("The first message is of type start.")
            connection.send(test_response())

    async def _listen(self, connection: Connection, talk: Talk) -> None:
        while True:
            frame = await connection.receive(patience_s=connection.services.settings.idle_s)
            if isinstance(frame, bytes):
                if not frame:
                    return
                await talk.hear(checked_frame(frame))
                continue
            message = json_object(frame)
            match message.get("type"):
                case "stop":
                    return
                case "audio":
                    await self._hear_base64(message, talk)
                case "config":
                    if "languages" in message:
                        talk.use_languages(language_codes(message["languages"]))
                case "test":
                    connection.send(test_response())
                case "start":
                    raise ProtocolFault("The session has started already.")
                case kind:
                    raise ProtocolFault(
                        f"A message of type {str(kind)[:32]!r} is unknown; use audio, config, test or stop."
                    )

    async def _hear_base64(self, message: dict[str, Any], talk: Talk) -> None:
        try:
            sound = base64.b64decode(message.get("audio", ""), validate=True)
        except (binascii.Error, TypeError, ValueError) as fault:
            raise ProtocolFault("The audio of this message is not base64.", code=BAD_DATA) from fault
        encoding = encoding_of(message.get("encoding", talk.sound.encoding))
        rate_hz = rate_of(message.get("sample_rate", talk.sound.sample_rate_hz))
        if (encoding, rate_hz) != (talk.sound.encoding, talk.sound.sample_rate_hz):
            talk.use_sound(LiveInput(encoding=encoding, sample_rate_hz=rate_hz))
        await talk.hear(checked_frame(sound))

    async def _end(self, connection: Connection, talk: Talk) -> None:
        cost = await talk.end()
        if self._completing is not None:
            await asyncio.wait([self._completing])
        summary = {"total_duration_seconds": round(talk.heard_s, 3), "total_cost": cost}
        stopped = {"type": "session_stopped", "session_id": connection.session_id, "billing_summary": summary}
        connection.send(stopped | self._relinked())
        await connection.flush()

    def _tell(self, event: Event) -> None:
        connection, start = self._connection, self._start
        if connection is None or start is None:
            return
        if isinstance(event, SpeechStarted):
            connection.send({"type": "speech_started", "timestamp": round(event.at_s, 3)})
        elif isinstance(event, Update):
            words = (*event.committed, *event.partial)
            due = start.interim_s is not None and event.heard_until_s - self._last_interim_s >= start.interim_s
            if words and due:
                self._last_interim_s = event.heard_until_s
                connection.send(interim(event, words), droppable=True)
        elif event.words:
            self._tell_final(connection, start, event)

    def _tell_final(self, connection: Connection, start: Start, event: UtteranceEnded) -> None:
        if start.context is None and self._speakers is None:
            connection.send(final(connection.session_id, event, speech_final=True))
            return
        text = join_words(event.words)
        if start.context is not None:
            text = corrected(connection.services.refiner, text, language=event.language, context=start.context)
            connection.send(final(connection.session_id, event, speech_final=False, text=text))
        until_s = asyncio.get_running_loop().time() + connection.services.settings.refine_s
        self._waiting.append(_Told(event=event, text=text, until_s=until_s))
        if self._completing is None or self._completing.done():
            self._completing = asyncio.create_task(self._complete(connection, start))

    async def _complete(self, connection: Connection, start: Start) -> None:
        """Send the canonical form of every utterance that waits for it, in order; it always comes."""
        while self._waiting:
            told = self._waiting.popleft()
            text, speaker = await asyncio.gather(
                _canonical(connection, told, start.context), self._speaker(connection, told.event)
            )
            connection.send(final(connection.session_id, told.event, speech_final=True, text=text, speaker=speaker))

    async def _speaker(self, connection: Connection, event: UtteranceEnded) -> str | None:
        """Return the label of who spoke, or None where it cannot be told."""
        voices = connection.services.voices
        if self._speakers is None or voices is None or event.sound is None:
            return None
        try:
            async with asyncio.timeout(VOICE_S):
                voice = await voices.voice(event.sound)
        except (SpeechError, TimeoutError):
            return None
        if voice is None:
            return None
        self._labelled.append(sentence_id(connection.session_id, event))
        return label_of(self._speakers.label(voice, event.end_s - event.start_s))

    def _relinked(self) -> dict[str, Any]:
        """Return the labels of all utterances as they look at the end, where they were asked for."""
        if self._speakers is None:
            return {}
        labels = zip(self._labelled, self._speakers.relinked(), strict=True)
        return {"speakers": [{"sentence_id": name, "speaker": label_of(number)} for name, number in labels]}


async def _canonical(connection: Connection, told: _Told, context: RefineContext | None) -> str:
    if context is None:
        return told.text
    refiner, language = connection.services.refiner, told.event.language
    return await refined(refiner, told.text, language=language, context=context, until_s=told.until_s)
