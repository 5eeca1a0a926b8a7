"""The platform's JSON of a transcript."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serve_app.transcript.json_view import all_warnings, rounded, speakers_of, transcript_json
from serve_app.transcript.model import Segment, Transcript, Warning, Word

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True, width=64)


def segment(*, speaker: int | None, confidence: float = 0.5, start_s: float = 0.0) -> Segment:
    word = Word(text="Hm.", start_s=start_s, end_s=start_s, confidence=confidence, speaker=speaker)
    return Segment(start_s=start_s, end_s=start_s, text="Hm.", words=(word,), confidence=confidence, speaker=speaker)


def view(*segments: Segment, **options: Any) -> dict[str, Any]:
    transcript = Transcript(segments=segments, duration_s=1.0, model="base")
    return transcript_json(transcript, **{"diarized": True, "request_id": "r", **options})


@given(ANY_NUMBER, ANY_NUMBER)
def test_the_json_is_strict_whatever_the_numbers_are(confidence: float, start_s: float) -> None:
    body = view(segment(speaker=0, confidence=confidence, start_s=start_s))
    assert json.loads(json.dumps(body, allow_nan=False)) == body


@given(st.floats(0, 1e6))
def test_times_are_rounded_to_the_nearest_millisecond(seconds: float) -> None:
    assert math.isclose(rounded(seconds), seconds, abs_tol=0.000_501)
    assert rounded(seconds) == round(rounded(seconds), 3)


def test_speakers_are_listed_as_they_first_appear() -> None:
    body = view(segment(speaker=1), segment(speaker=0), segment(speaker=1), segment(speaker=None))
    assert body["speakers"] == ["Speaker 2", "Speaker 1"]
    assert "speaker" not in body["segments"][3]


def test_speakers_of_a_transcript_skips_the_unknown() -> None:
    assert speakers_of(Transcript(segments=(segment(speaker=None), segment(speaker=2)), duration_s=1.0)) == [2]


def test_silence_says_why_unless_a_warning_already_does() -> None:
    silent = Transcript(segments=(), duration_s=1.0)
    noisy = Transcript(segments=(), duration_s=1.0, warnings=(Warning(code="low_snr_dropped", message="Noise."),))
    assert [warning.code for warning in all_warnings(silent)] == ["no_speech_detected"]
    assert [warning.code for warning in all_warnings(noisy)] == ["low_snr_dropped"]


def test_a_code_is_listed_once_and_every_message_kept() -> None:
    twice = (Warning(code="damaged", message="At 3 s."), Warning(code="damaged", message="At 9 s."))
    transcript = Transcript(segments=(segment(speaker=0),), duration_s=10.0, warnings=(*twice, twice[0]))
    body = transcript_json(transcript, diarized=False, request_id="r")
    assert body["warning_codes"] == ["damaged"]
    assert [warning["message"] for warning in body["warnings"]] == ["At 3 s.", "At 9 s."]
