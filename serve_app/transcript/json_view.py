"""A transcript as the platform dialect's JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from serve_app.transcript.model import Segment, Transcript, Turn, Warning, Word

NO_SPEECH = Warning(code="no_speech_detected", message="No speech was found in this recording.")
_EXPLAINS_SILENCE = frozenset({NO_SPEECH.code, "low_snr_dropped"})


def transcript_json(
    transcript: Transcript,
    *,
    diarized: bool,
    request_id: str,
    words: bool = True,
    extra_warnings: Sequence[Warning] = (),
    model: str | None = None,
) -> dict[str, Any]:
    """Return the transcript as JSON-ready values: times and scores rounded to 3 decimals, never NaN.

    Without `diarized` there is no `speaker` anywhere and `speakers` is empty; without `words` segments have none.
    A transcript without text always says why in `warning_codes`.
    """
    warnings = all_warnings(transcript, extra_warnings)
    return {
        "text": transcript.text,
        "language": transcript.language,
        "duration": rounded(transcript.duration_s),
        "segments": [segment_json(segment, diarized=diarized, words=words) for segment in transcript.segments],
        "speakers": [speaker_name(speaker) for speaker in speakers_of(transcript)] if diarized else [],
        "turns": [_turn_json(turn) for turn in transcript.turns] if diarized else [],
        "model": model or transcript.model,
        "snr_db": None if transcript.snr_db is None else finite(transcript.snr_db),
        "warnings": [{"code": warning.code, "message": warning.message} for warning in warnings],
        "warning_codes": list(dict.fromkeys(warning.code for warning in warnings)),
        "request_id": request_id,
    }


def segment_json(segment: Segment, *, diarized: bool, words: bool = True) -> dict[str, Any]:
    """Return one segment as JSON-ready values."""
    view: dict[str, Any] = {
        "start": rounded(segment.start_s),
        "end": rounded(segment.end_s),
        "text": segment.text,
        "confidence": rounded(segment.confidence),
        "language": segment.language,
    }
    if diarized and segment.speaker is not None:
        view["speaker"] = speaker_name(segment.speaker)
    if words:
        view["words"] = [_word_json(word, diarized=diarized) for word in segment.words]
    return view


def _word_json(word: Word, *, diarized: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "word": word.text,
        "start": rounded(word.start_s),
        "end": rounded(word.end_s),
        "confidence": rounded(word.confidence),
    }
    if diarized and word.speaker is not None:
        view["speaker"] = speaker_name(word.speaker)
    return view


def _turn_json(turn: Turn) -> dict[str, Any]:
    return {"start": rounded(turn.start_s), "end": rounded(turn.end_s), "speaker": speaker_name(turn.speaker)}


def speaker_name(speaker: int) -> str:
    """Return the name of a 0-based speaker."""
    return f"Speaker {speaker + 1}"


def speakers_of(transcript: Transcript) -> list[int]:
    """Return the speakers that say something, in order of first appearance."""
    said = (segment.speaker for segment in transcript.segments if segment.speaker is not None)
    return list(dict.fromkeys(said))


def all_warnings(transcript: Transcript, extra: Sequence[Warning] = ()) -> tuple[Warning, ...]:
    """Return each warning once; a transcript without text says why."""
    warnings = list(dict.fromkeys((*extra, *transcript.warnings)))
    if not transcript.segments and not any(warning.code in _EXPLAINS_SILENCE for warning in warnings):
        warnings.append(NO_SPEECH)
    return tuple(warnings)


def rounded(value: float) -> float:
    """Round to 3 decimals; 0 for what is not a number, since JSON has no word for it."""
    return round(value, 3) if math.isfinite(value) else 0.0


def finite(value: float) -> float | None:
    """Round to 3 decimals; None for what is not a number."""
    return round(value, 3) if math.isfinite(value) else None
