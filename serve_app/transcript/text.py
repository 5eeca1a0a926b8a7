"""A transcript as plain text."""

from __future__ import annotations

from itertools import groupby

from serve_app.transcript.json_view import speaker_name
from serve_app.transcript.model import Segment, Transcript, join_words


def render_txt(transcript: Transcript) -> str:
    """Return one paragraph a speaker turn, headed by the speaker; without speakers, the text alone."""
    if all(segment.speaker is None for segment in transcript.segments):
        return transcript.text + "\n" if transcript.text else ""
    paragraphs = [_paragraph(speaker, list(turn)) for speaker, turn in groupby(transcript.segments, _speaker)]
    return "\n\n".join(paragraphs) + "\n"


def _speaker(segment: Segment) -> int | None:
    return segment.speaker


def _paragraph(speaker: int | None, segments: list[Segment]) -> str:
    text = join_words(tuple(word for segment in segments for word in segment.words))
    return text if speaker is None else f"{speaker_name(speaker)}: {text}"
