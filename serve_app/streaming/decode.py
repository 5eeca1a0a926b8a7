"""What a stream asks of the recognizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from serve_app.audio.recording import Waveform
from serve_app.ports.speech import KnownText
from serve_app.streaming.utterance import Utterance

Kind = Literal["partial", "final"]  # partial ones may be skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Decode:
    """What the recognizer should hear. `samples` begin at `start_s`; `prefix` is what is known of their text."""

    utterance: Utterance
    kind: Kind
    samples: Waveform
    start_s: float
    end_s: float
    prefix: tuple[KnownText, ...]
    language: str | None
    language_hint: str | None
    candidates: tuple[str, ...]
    retry: int
