"""Personal data by Presidio's recognizers, and names of persons by an entity finder.

Presidio's own e-mail and URL recognizers fetch a list of top-level domains at their first use; ours have a pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from serve_app.ports.text_tools import EntityFinder, TextSpan, apart

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

_KINDS = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CREDIT_CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP_ADDRESS",
    "URL": "URL",
    "US_SSN": "US_SSN",
    "CRYPTO": "CRYPTO",
}
_FLOOR = 0.35  # Presidio's weak patterns, such as any nine digits for a social security number, are below
_EMAIL = r"\b[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,24}\b"
_SPOKEN_EMAIL = r"\b\w+(?: dot \w+)* at \w+(?: dot \w+)* dot (?:com|org|net|edu|gov|io|de|fr|es|it|uk|eu|ai|co)\b"
_URL = r"\b(?:https?://|www\.)[^\s<>\"']*[^\s<>\"'.,;:!?)]"
_NAMED = frozenset({"PERSON"})


class PresidioPii:
    """Implements ports.PiiFinder. What has a form of its own is found in every language, names where the finder can."""

    def __init__(
        self, names: EntityFinder | None = None, *, regions: Sequence[str] = ("US", "GB", "DE", "FR", "ES", "IN")
    ) -> None:
        self._names = names
        self.languages = names.languages if names else frozenset()
        self._recognizers = _recognizers(regions)

    def find_pii(self, texts: Sequence[str], *, language: str | None) -> list[list[TextSpan]]:
        named = self._persons(texts) if language in self.languages else [[] for _ in texts]
        return [apart([*self._formed(text), *names]) for text, names in zip(texts, named, strict=True)]

    def _formed(self, text: str) -> list[TextSpan]:
        nothing_read: Any = None  # patterns do without what a language model has read
        return [
            TextSpan(start=each.start, end=each.end, kind=_KINDS[each.entity_type], score=float(each.score))
            for recognizer in self._recognizers
            for each in recognizer.analyze(text, recognizer.supported_entities, nothing_read) or ()
            if each.score >= _FLOOR
        ]

    def _persons(self, texts: Sequence[str]) -> list[list[TextSpan]]:
        if self._names is None:
            return [[] for _ in texts]
        return [[span for span in spans if span.kind in _NAMED] for spans in self._names.find_entities(texts)]


def _recognizers(regions: Sequence[str]) -> list[EntityRecognizer]:
    from presidio_analyzer import Pattern, PatternRecognizer
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        CryptoRecognizer,
        IbanRecognizer,
        IpRecognizer,
        PhoneRecognizer,
        UsSsnRecognizer,
    )

    emails = [Pattern("e-mail", _EMAIL, 1.0), Pattern("spoken e-mail", _SPOKEN_EMAIL, 0.8)]
    return [
        PatternRecognizer(supported_entity="EMAIL_ADDRESS", patterns=emails),
        PatternRecognizer(supported_entity="URL", patterns=[Pattern("URL", _URL, 0.9)]),
        CreditCardRecognizer(),
        CryptoRecognizer(),
        IbanRecognizer(),
        IpRecognizer(),
        PhoneRecognizer(supported_regions=tuple(regions)),
        UsSsnRecognizer(),
    ]
