"""What a stream tells about itself. Times are seconds from the start of the stream."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.audio.recording import Waveform
from serve_app.transcript.model import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """Somebody has begun to speak."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The current utterance as it is understood now.

    `new` are the words that became final with this event; `committed` all final ones of the utterance, `new` included;
    `partial` may still change.
    """

    utterance: int
    new: tuple[Word, ...]
    committed: tuple[Word, ...]
    partial: tuple[Word, ...]
    language: str | None
    heard_until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceEnded:
    """An utterance is complete; `words` begin with those committed before, `new` are the rest. It may have none."""

    utterance: int
    start_s: float
    end_s: float
    new: tuple[Word, ...]
    words: tuple[Word, ...]
    language: str | None
    confidence: float  # 0..1
    snr_db: float | None
    sound: Waveform | None = None  # of the utterance, where the settings ask for it


Event = SpeechStarted | Update | UtteranceEnded
