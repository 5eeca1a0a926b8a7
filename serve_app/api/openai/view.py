"""A transcript in OpenAI's JSON shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from serve_app.ports.speech import Task
from serve_app.transcript.json_view import all_warnings, rounded
from serve_app.transcript.languages import LANGUAGES
from serve_app.transcript.model import Segment, Transcript, Warning

GRANULARITIES = ("segment", "word")


def plain_json(transcript: Transcript, *, model: str, warnings: Sequence[Warning]) -> dict[str, Any]:
    """`json`: the text, with the model that answered and the warnings as extra fields."""
    return {
        "text": transcript.text,
        "usage": {"type": "duration", "seconds": math.ceil(transcript.duration_s)},
        "model": model,
        "warning_codes": list(dict.fromkeys(warning.code for warning in all_warnings(transcript, warnings))),
    }


def verbose_json(
    transcript: Transcript, *, task: Task, granularities: Sequence[str], model: str, warnings: Sequence[Warning]
) -> dict[str, Any]:
    """`verbose_json`: language by its English name, duration, and the segments and words asked for."""
    view = {
        "task": task,
        "language": "english" if task == "translate" else LANGUAGES.get(transcript.language or "", ""),
        "duration": rounded(transcript.duration_s),
        **plain_json(transcript, model=model, warnings=warnings),
    }
    if "segment" in granularities:
        view["segments"] = [_segment(number, segment) for number, segment in enumerate(transcript.segments)]
    if "word" in granularities:
        words = (word for segment in transcript.segments for word in segment.words)
        view["words"] = [{"word": w.text, "start": rounded(w.start_s), "end": rounded(w.end_s)} for w in words]
    return view


def diarized_json(transcript: Transcript, *, model: str, warnings: Sequence[Warning]) -> dict[str, Any]:
    """`diarized_json`: segments with speakers named A, B, …"""
    return {
        "task": "transcribe",
        "duration": rounded(transcript.duration_s),
        **plain_json(transcript, model=model, warnings=warnings),
        "segments": diarized_segments(transcript),
    }


def diarized_segments(transcript: Transcript) -> list[dict[str, Any]]:
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03d}",
            "start": rounded(segment.start_s),
            "end": rounded(segment.end_s),
            "text": segment.text,
            "speaker": speaker_letters(segment.speaker or 0),
        }
        for number, segment in enumerate(transcript.segments)
    ]


def speaker_letters(speaker: int) -> str:
    """Return A, B, … Z, AA, AB, … for a 0-based speaker."""
    letters = ""
    number = speaker + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": round(segment.start_s * 100),  # Whisper's frames of 10 ms
        "start": rounded(segment.start_s),
        "end": rounded(segment.end_s),
        "text": segment.text,
        "tokens": [],
        "temperature": rounded(segment.temperature),
        "avg_logprob": rounded(segment.avg_logprob),
        "compression_ratio": rounded(segment.compression_ratio),
        "no_speech_prob": rounded(segment.no_speech_prob),
    }
