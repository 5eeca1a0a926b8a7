"""What a transcript looks like on paper, whichever format the paper has."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from serve_app.transcript.json_view import all_warnings, speaker_name, speakers_of
from serve_app.transcript.languages import LANGUAGES
from serve_app.transcript.model import Segment, Transcript, join_words

DEFAULT_TITLE = "Transcript"
_DIRECTION_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_UNNAMED_S = 60.0  # speech of nobody known breaks into paragraphs at the first segment after this


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One speaker's turn, in one language."""

    start_s: float
    speaker: str | None
    text: str
    language: str | None

    @property
    def right_to_left(self) -> bool:
        return is_right_to_left(self.text)

    @property
    def heading(self) -> str:
        return clock(self.start_s) + (f"  {self.speaker}" if self.speaker else "")


def paragraphs_of(transcript: Transcript) -> list[Paragraph]:
    """Return the turns in time order; together they hold every word. Text is printable, on one line."""
    found = []
    for run in _runs(transcript.segments):
        words = tuple(word for segment in run for word in segment.words)
        text = printable(join_words(words) if words else " ".join(segment.text for segment in run))
        speaker = run[0].speaker
        if text:
            paragraph = Paragraph(
                start_s=run[0].start_s,
                speaker=None if speaker is None else speaker_name(speaker),
                text=text,
                language=run[0].language or transcript.language,
            )
            found.append(paragraph)
    return found


def _runs(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    run: list[Segment] = []
    for segment in segments:
        if run:
            same = segment.speaker == run[0].speaker and segment.language == run[0].language
            if not same or (segment.speaker is None and segment.start_s - run[0].start_s > _UNNAMED_S):
                yield run
                run = []
        run.append(segment)
    if run:
        yield run


def summary_of(transcript: Transcript, created_at: datetime | None) -> str:
    """Return the line under the title: date, language, duration, speakers."""
    n_speakers = len(speakers_of(transcript))
    parts = [
        f"{created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if created_at else "",
        LANGUAGES.get(transcript.language or "", "").title(),
        clock(transcript.duration_s),
        f"{n_speakers} speaker{'s' if n_speakers > 1 else ''}" if n_speakers else "",
    ]
    return " · ".join(filter(None, parts))


def reasons_of_silence(transcript: Transcript) -> list[str]:
    """Return why there is nothing to read, if so."""
    return [] if transcript.segments else [warning.message for warning in all_warnings(transcript)]


def is_right_to_left(text: str) -> bool:
    """Tell whether most letters of a text belong to a script that is written from right to left."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in ("R", "AL") for kind in kinds) > kinds.count("L")


def printable(text: str) -> str:
    """Return a text on one line without controls, half surrogates and noncharacters, which documents cannot hold."""
    return " ".join("".join(map(_printable_character, text)).split())


def _printable_character(character: str) -> str:
    if unicodedata.bidirectional(character) in _DIRECTION_CONTROLS:
        return ""  # the direction follows from the letters
    unfit = unicodedata.category(character) in ("Cc", "Cs") or ord(character) & 0xFFFE == 0xFFFE
    return " " if unfit else character


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds."""
    minutes, whole_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_s:02}"
