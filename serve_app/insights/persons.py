"""Persons whom a name finder misses: those it finds elsewhere in the text, and those who are spoken to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from serve_app.ports.text_tools import TextSpan

_SURE = 0.6
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_ASKS = r"please|can|could|will|would|how|what|when|where|which|why|who|are|do|does|did|is|have|has|you|your|i|we"
# "Priya, how far is it?" and "Thank you, Samuel."
_SPOKEN_TO = (
    re.compile(rf"(?:^|(?<=[.!?…]\s))([A-Z][^\W\d_]{{2,}}),\s(?=(?i:{_ASKS})\b)"),
    re.compile(
        r"\b(?i:thanks|thank you|hello|hi|hey|welcome|good (?:morning|afternoon|evening)|sorry|bye),?\s"
        r"([A-Z][^\W\d_]{2,})(?=[,.!?]|$)"
    ),
)
_OPENERS = """
okay yes yeah yep nope well then first second third finally next great honestly sure welcome thanks good fine today
tomorrow tonight now right alright please sorry hello listen look also again anyway and but because however maybe
perhaps indeed exactly really true wait everybody everyone folks guys ladies gentlemen sir madam friends team doctor
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
october november december actually meanwhile still otherwise instead besides there here this that
"""
_NO_NAMES = frozenset(_OPENERS.split())


def missed_persons(texts: Sequence[str], found: Sequence[Sequence[TextSpan]]) -> list[list[TextSpan]]:
    """Return, for each text, where persons are named beside the spans found.

    A word of a person's name is one wherever it has its capital letter, unless the texts also write it without.
    """
    told = (
        text[span.start : span.end]
        for text, spans in zip(texts, found, strict=True)
        for span in spans
        if span.kind == "PERSON"
    )
    words = {word for name in told for word in _WORD.findall(name)}
    names = {word for word in words if len(word) > 2 and word[0].isupper() and word.casefold() not in _NO_NAMES}
    names |= {name for text in texts for name in spoken_to(text)}
    if names:
        names -= {word.capitalize() for text in texts for word in _WORD.findall(text) if word.islower()}
    return [list(_named(text, names, spans)) for text, spans in zip(texts, found, strict=True)]


def spoken_to(text: str) -> list[str]:
    """Return the first names by which somebody is spoken to."""
    called = (match[1] for pattern in _SPOKEN_TO for match in pattern.finditer(text))
    return [name for name in called if name.casefold() not in _NO_NAMES]


def _named(text: str, names: set[str], spans: Sequence[TextSpan]) -> Iterator[TextSpan]:
    """Yield runs of names that no span touches."""
    start, end = -1, -1
    for match in _WORD.finditer(text):
        if match[0].removesuffix("'s").removesuffix("’s") not in names:
            continue
        at, stop = match.start(), match.start() + len(match[0].removesuffix("'s").removesuffix("’s"))
        if any(span.start < stop and at < span.end for span in spans):
            continue
        if start >= 0 and text[end:at] == " ":
            end = stop
            continue
        if start >= 0:
            yield TextSpan(start=start, end=end, kind="PERSON", score=_SURE)
        start, end = at, stop
    if start >= 0:
        yield TextSpan(start=start, end=end, kind="PERSON", score=_SURE)
