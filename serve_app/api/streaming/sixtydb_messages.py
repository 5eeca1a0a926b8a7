"""What the 60db dialect says of what it hears. Times are seconds from the session's first sound, to the millisecond."""

from __future__ import annotations

import time
from typing import Any

from serve_app.streaming.events import Update, UtteranceEnded
from serve_app.transcript.model import Word, join_words


def test_response() -> dict[str, Any]:
    """Answer a message of type test; its timestamp counts milliseconds since 1970."""
    return {"type": "test_response", "timestamp": round(time.time() * 1000)}


def interim(event: Update, words: tuple[Word, ...]) -> dict[str, Any]:
    """Return an utterance so far: `words` are the event's committed and partial ones."""
    return {
        "type": "transcription",
        "text": join_words(words),
        "is_final": False,
        "speech_final": False,
        "language": event.language,
        "committed": join_words(event.committed),
    }


def sentence_id(session_id: str, event: UtteranceEnded) -> str:
    return f"{session_id[:12]}-{event.utterance}"


def label_of(speaker: int) -> str:
    return f"SPEAKER_{speaker:02d}"


def final(
    session_id: str,
    event: UtteranceEnded,
    *,
    speech_final: bool,
    text: str | None = None,
    speaker: str | None = None,
) -> dict[str, Any]:
    """Return an utterance that has ended, in the `text` that was made of it if there is one."""
    message = {
        "type": "transcription",
        "sentence_id": sentence_id(session_id, event),
        "text": join_words(event.words) if text is None else text,
        "language": event.language,
        "confidence": round(event.confidence, 3),
        "words": [
            {
                "word": word.text,
                "start": round(word.start_s, 3),
                "end": round(word.end_s, 3),
                "confidence": round(word.confidence, 3),
            }
            for word in event.words
        ],
        "start": round(event.start_s, 3),
        "end": round(event.end_s, 3),
        "snr_db": None if event.snr_db is None else round(event.snr_db, 1),
        "is_final": True,
        "speech_final": speech_final,
    }
    return message | ({"speaker": speaker} if speaker else {})
