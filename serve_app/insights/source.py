"""What an insight is drawn from: numbered segments, whether they come from a text or from a transcript."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from serve_app.transcript.json_view import speaker_name
from serve_app.transcript.model import Transcript

_BLANKS = re.compile(r"\s+")
_ABBREVIATIONS = r"(?<!\b[A-Za-z]\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bMrs\.)(?<!\bSt\.)(?<!\bvs\.)(?<!\be\.g\.)"
_SENTENCE_END = re.compile(rf"(?<=[.!?…])[\"'”’)\]]*{_ABBREVIATIONS}\s+|(?<=[。！？؟।॥])\s*|\n+")
_LONGEST_SENTENCE = 1_000  # characters; what goes on without a full stop is cut at a blank before this


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSegment:
    """A sentence of a text or a segment of a transcript; `order` counts from 1 and is what results cite."""

    order: int
    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None


@dataclass(frozen=True, kw_only=True)
class SourceText:
    """Segments in order; none of them is blank. Orders increase, gaps may be left by blank segments."""

    segments: tuple[SourceSegment, ...]
    language: str | None = None  # ISO 639-1, where it is known

    @classmethod
    def from_text(cls, text: str, *, language: str | None = None) -> SourceText:
        """Split a text into its sentences."""
        sentences = enumerate(sentences_of(text), start=1)
        return cls(segments=tuple(SourceSegment(order=n, text=each) for n, each in sentences), language=language)

    @classmethod
    def from_transcript(cls, transcript: Transcript) -> SourceText:
        """Number the segments of a transcript from 1, with their times and speakers."""
        return cls(
            segments=tuple(
                SourceSegment(
                    order=order,
                    text=tidy(segment.text),
                    start_s=segment.start_s,
                    end_s=segment.end_s,
                    speaker=None if segment.speaker is None else speaker_name(segment.speaker),
                )
                for order, segment in enumerate(transcript.segments, start=1)
                if tidy(segment.text)
            ),
            language=transcript.language,
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> SourceText:
        """Number the segments of a transcript's JSON, as the platform dialect renders it."""
        return cls(
            segments=tuple(
                SourceSegment(
                    order=order,
                    text=tidy(segment["text"]),
                    start_s=segment.get("start"),
                    end_s=segment.get("end"),
                    speaker=segment.get("speaker"),
                )
                for order, segment in enumerate(document.get("segments", ()), start=1)
                if tidy(segment["text"])
            ),
            language=document.get("language"),
        )

    @cached_property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The sentences of all segments, in order; none goes on in the next segment."""
        return tuple(sentence for segment in self.segments for sentence in sentences_of(segment.text))

    @cached_property
    def _by_order(self) -> dict[int, int]:
        return {segment.order: index for index, segment in enumerate(self.segments)}

    def get(self, order: int) -> SourceSegment | None:
        """Return the segment of this number."""
        index = self._by_order.get(order)
        return None if index is None else self.segments[index]

    def around(self, order: int, *, before: int, after: int) -> tuple[SourceSegment, ...]:
        """Return a segment that exists with its neighbours."""
        index = self._by_order[order]
        return self.segments[max(index - before, 0) : index + after + 1]

    def known(self, orders: list[int]) -> list[int]:
        """Return those numbers that are segments', once each, in order."""
        return sorted({order for order in orders if order in self._by_order})

    def part(self, orders: list[int]) -> str:
        """Return the text of some segments."""
        return " ".join(self.segments[self._by_order[order]].text for order in self.known(orders))


def tidy(text: str) -> str:
    """Return a text on one line, without control characters and lone surrogates."""
    kept = "".join(c if unicodedata.category(c) not in {"Cc", "Cs", "Co"} else " " for c in text)
    return _BLANKS.sub(" ", kept).strip()


def sentences_of(text: str) -> list[str]:
    """Split a text at its sentence ends and line breaks; no sentence is blank or longer than 1,000 characters."""
    cuts = [0, *(end.end() for end in _SENTENCE_END.finditer(text)), len(text)]
    lines = [tidy(text[start:end]) for start, end in pairwise(cuts)]
    return [piece for line in lines if line for piece in pieces_of(line, _LONGEST_SENTENCE)]


def pieces_of(line: str, longest: int) -> list[str]:
    """Cut a line into pieces of at most `longest` characters, at blanks where there are some. Joined they are it."""
    pieces = []
    while len(line) > longest:
        blank = line.rfind(" ", longest // 2, longest)
        cut = blank if blank > 0 else longest
        pieces.append(line[:cut].strip())
        line = line[cut:].strip()
    return [piece for piece in (*pieces, line) if piece]
