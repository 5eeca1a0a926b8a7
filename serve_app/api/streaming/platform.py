"""`WS /v1/stream`: the platform dialect."""

from __future__ import annotations

from typing import Any

from serve_app.api.callers import caller_of
from serve_app.api.context import gate_of
from serve_app.api.streaming.socket import GENTLE_ENDS, UNSUPPORTED, Connection, ProtocolFault
from serve_app.api.streaming.talk import Talk, checked_frame, json_object, language_codes, open_talk
from serve_app.audio.live_input import LiveInput
from serve_app.errors import SpeechError
from serve_app.streaming.events import Event, SpeechStarted, Update
from serve_app.transcript.model import Word, join_words


class PlatformDialect:
    """A JSON object configures the stream, binary frames carry it, an empty one or `stop` ends it."""

    def __init__(self) -> None:
        self._words: list[Word] = []
        self._connection: Connection | None = None
        self._language: str | None = None

    def error(self, fault: SpeechError) -> dict[str, Any]:
        return {"error": fault.message, "error_code": fault.error_code, "details": fault.details}

    async def run(self, connection: Connection) -> None:
        self._connection = connection
        caller = await caller_of(connection.websocket)
        await connection.admit(caller, gate_of(connection.websocket), lambda: self._talk(connection))

    async def _talk(self, connection: Connection) -> None:
        query = connection.websocket.query_params
        settings = connection.services.settings
        asked: dict[str, Any] = {name: query[name] for name in ("model", "language") if name in query}
        first: str | bytes | None = None
        if not asked:
            first = await connection.receive(patience_s=settings.start_s)
            if isinstance(first, str):
                asked, first = json_object(first), None
                if "action" in asked or not isinstance(asked.get("model") or "", str):
                    raise ProtocolFault("The first text frame configures the stream: language and model.")
        model, warning = connection.services.shared.catalogue.resolve(asked.get("model") or None)
        languages = language_codes(asked.get("language"))
        async with open_talk(
            connection, model=model, languages=languages, sound=LiveInput(), on_event=self._tell
        ) as talk:
            ready = {"status": "ready", "session_id": connection.session_id, "model": model}
            connection.send(ready | ({"warning_codes": [warning.code]} if warning else {}))
            try:
                await self._listen(connection, talk, first)
            except GENTLE_ENDS:
                await self._end(connection, talk)
                raise
            await self._end(connection, talk)

    async def _listen(self, connection: Connection, talk: Talk, first: str | bytes | None) -> None:
        """Take frames until the client has no more."""
        frame = first
        while True:
            if frame is None:
                frame = await connection.receive(patience_s=connection.services.settings.idle_s)
            if isinstance(frame, bytes):
                if not frame:
                    return
                await talk.hear(checked_frame(frame))
            elif self._is_stop(frame, talk):
                return
            frame = None

    def _is_stop(self, frame: str, talk: Talk) -> bool:
        message = json_object(frame)
        action = message.get("action")
        if action == "stop":
            return True
        if action is not None or not ({"language", "model"} & set(message)):
            raise ProtocolFault('Text frames are {"action": "stop"} or a configuration.', code=UNSUPPORTED)
        if "language" in message:
            talk.use_languages(language_codes(message["language"]))
        return False

    async def _end(self, connection: Connection, talk: Talk) -> None:
        await talk.end()
        connection.send(
            {
                "text": join_words(tuple(self._words)),
                "is_final": True,
                "final": True,
                "duration": round(talk.heard_s, 3),
                "language": self._language,
            }
        )
        await connection.flush()

    def _tell(self, event: Event) -> None:
        if isinstance(event, SpeechStarted) or self._connection is None:
            return
        partial = event.partial if isinstance(event, Update) else ()
        self._words.extend(event.new)
        self._language = event.language or self._language
        shown = event.new or partial
        message = {
            "text": join_words(event.new),
            "partial": join_words(partial),
            "start": round(shown[0].start_s, 3) if shown else None,
            "end": round(max(w.end_s for w in shown), 3) if shown else None,
            "words": [_word(word) for word in event.new],
            "language": event.language,
        }
        if not isinstance(event, Update):
            message["speech_final"] = True
        self._connection.send(message, droppable=not event.new and isinstance(event, Update))


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": word.text,
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "confidence": round(word.confidence, 3),
    }
