"""The `start` message of the 60db dialect, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serve_app.api.streaming.socket import ProtocolFault
from serve_app.api.streaming.talk import language_codes
from serve_app.audio.live_input import RATES_HZ, Encoding
from serve_app.ports.speech import SpeakerBounds
from serve_app.ports.streaming import Enhancement, RefineContext

_MOST_TERMS = 200  # of a context, and facts as many: they are looked at with every utterance
_LONGEST_TERM = 200  # characters
_LONGEST_TEXT = 2_000  # characters of what a session is about that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A `start` message, checked."""

    languages: tuple[str, ...]
    encoding: Encoding
    sample_rate_hz: int
    utterance_end_s: float
    interim_s: float | None  # None: no interim results
    context: RefineContext | None
    enhancement: Enhancement | None
    diarize: bool
    speakers: SpeakerBounds


def parse_start(message: dict[str, Any]) -> Start:
    """Check a start message. Raises ProtocolFault or UnknownLanguage."""
    config = message.get("config") or {}
    if not isinstance(config, dict):
        raise ProtocolFault("The config of a start message is an object.")
    end_ms = config.get("utterance_end_ms", 500)
    if not _is_number(end_ms) or not 300 <= end_ms <= 10_000:
        raise ProtocolFault("utterance_end_ms is a number from 300 to 10000.")
    interim_ms = config.get("interim_results_frequency", 300)
    if interim_ms is not None and (not _is_number(interim_ms) or interim_ms < 0):
        raise ProtocolFault("interim_results_frequency is a number of milliseconds, or null for none.")
    encoding = encoding_of(config.get("encoding", "linear"))
    return Start(
        languages=language_codes(message.get("languages")),
        encoding=encoding,
        sample_rate_hz=rate_of(config.get("sample_rate", 8_000 if encoding == "mulaw" else 16_000)),
        utterance_end_s=end_ms / 1000,
        interim_s=None if interim_ms is None else interim_ms / 1000,
        context=_context(message.get("context")),
        enhancement=_enhancement(config.get("audio_enhancement", "off")),
        diarize=_flag(config.get("diarize", False), "diarize"),
        speakers=_bounds(config.get("min_speakers"), config.get("max_speakers")),
    )


def _enhancement(value: object) -> Enhancement | None:
    match value:
        case "off" | None:
            return None
        case "light":
            return "light"
        case "adaptive":
            return "adaptive"
    raise ProtocolFault("audio_enhancement is off, light or adaptive.")


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise ProtocolFault(f"{name} is true or false.")
    return value


def _bounds(at_least: object, at_most: object) -> SpeakerBounds:
    """Read the bounds of the number of speakers; none or less than one is none."""
    numbers: list[int | None] = []
    for value in (at_least, at_most):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise ProtocolFault("min_speakers and max_speakers are whole numbers, or null.")
        numbers.append(value if value is not None and value > 0 else None)
    low, high = numbers
    if low is not None and high is not None and low > high:
        raise ProtocolFault("min_speakers is not above max_speakers.")
    return SpeakerBounds(at_least=low, at_most=high)


def _context(value: object) -> RefineContext | None:
    if value is None or value in ({}, ""):
        return None
    if isinstance(value, str):
        return RefineContext(text=value[:_LONGEST_TEXT])
    if not isinstance(value, dict):
        raise ProtocolFault("The context of a start message is an object.")
    general, terms = value.get("general") or [], value.get("terms") or []
    if not isinstance(general, list) or not isinstance(terms, list):
        raise ProtocolFault("general and terms of a context are lists.")
    return RefineContext(
        text=str(value.get("text") or "")[:_LONGEST_TEXT],
        terms=tuple(_short(term) for term in terms[:_MOST_TERMS]),
        facts=tuple(
            (_short(i.get("key")), _short(i.get("value"))) for i in general[:_MOST_TERMS] if isinstance(i, dict)
        ),
    )


def _short(value: object) -> str:
    return "" if value is None else str(value)[:_LONGEST_TERM]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def encoding_of(value: object) -> Any:
    names = {"linear": "linear", "linear16": "linear", "pcm16": "linear", "mulaw": "mulaw", "ulaw": "mulaw"}
    if not isinstance(value, str) or value.lower() not in names:
        raise ProtocolFault("encoding is linear or mulaw.")
    return names[value.lower()]


def rate_of(value: object) -> int:
    if value not in RATES_HZ or isinstance(value, bool):
        raise ProtocolFault(f"sample_rate is one of {', '.join(map(str, RATES_HZ))}.")
    return int(value)
