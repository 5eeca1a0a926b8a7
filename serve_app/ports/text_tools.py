"""What classic language tools find in a text, as Protocols. They are quick, need no model server and hold no state.

Methods compute in the calling thread; offsets count characters of the text given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpan:
    """Characters `start` to `end` of a text are a `kind` of thing."""

    start: int
    end: int
    kind: str
    score: float = 1.0  # 0..1, how sure that is


def apart(spans: Iterable[TextSpan]) -> list[TextSpan]:
    """Return spans in order; of two that overlap, the surer one, then the longer one."""
    kept: list[TextSpan] = []
    for span in sorted(spans, key=lambda span: (-span.score, span.start - span.end, span.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


class PiiFinder(Protocol):
    """Finds personal data. Kinds: PERSON EMAIL PHONE CREDIT_CARD IBAN IP_ADDRESS URL US_SSN CRYPTO LOCATION."""

    languages: frozenset[str]  # in which it finds names; what has a form of its own it finds in every one

    def find_pii(self, texts: Sequence[str], *, language: str | None) -> list[list[TextSpan]]:
        """Return, for each text, spans in order that do not overlap."""


class EntityFinder(Protocol):
    """Finds named things. Kinds: PERSON ORGANIZATION LOCATION DATE TIME MONEY PERCENT PRODUCT EVENT WORK LAW LANGUAGE
    GROUP QUANTITY."""

    languages: frozenset[str]

    def find_entities(self, texts: Sequence[str]) -> list[list[TextSpan]]:
        """Return, for each text, spans in order that do not overlap."""


class SentimentScorer(Protocol):
    languages: frozenset[str]

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the mood of each text, from -1 (negative) to 1."""


class Grammar(Protocol):
    languages: frozenset[str]

    def are_statements(self, texts: Sequence[str]) -> list[bool]:
        """Tell of each text whether it has a main clause: `The first mill in this country` has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTools:
    """The tools at hand; the language model does what there is no tool for."""

    pii: PiiFinder | None = None
    entities: EntityFinder | None = None
    sentiment: SentimentScorer | None = None
    grammar: Grammar | None = None
