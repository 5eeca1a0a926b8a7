"""A text as sentences and the white space between them, so that a translation can be laid out as the text was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST_CHARS = 400  # of a sentence; what goes on without a full stop is cut at a comma or a space

_LINES = re.compile(r"[^\n\r]+|[\n\r]+")
# A full stop counts where white space follows; those of scripts without spaces count anywhere.
_BORDER = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*|[।؟]+(?=\s|$)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:(?:[^\W\d_]\.)*[^\W\d_]|mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|no|nr|fig|vol|approx|dept|inc|ltd|co|mt"
    r"|mme|mlle|bzw|ca|usw|sra|dra|p\.ex)$",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"^\s*\(?(?:\d{1,3}|[a-zA-Z])$")
_SOFT_BORDER = re.compile(r"(?<=[,;:–—])\s+|(?<=[、，；：])|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence without white space around it (empty where a text begins with some), and what follows it."""

    text: str
    after: str = ""


def split_sentences(text: str, *, longest_chars: int = LONGEST_CHARS) -> list[Sentence]:
    """Split a text; `join_sentences` of it is the text again. A line break always ends a sentence."""
    sentences: list[Sentence] = []
    for line in _LINES.findall(text):
        for piece in _pieces(line, longest_chars):
            stripped = piece.strip()
            before, _, after = piece.partition(stripped) if stripped else (piece, "", "")
            if before:
                _append_gap(sentences, before)
            if stripped:
                sentences.append(Sentence(text=stripped, after=after))
    return sentences


def join_sentences(sentences: Sequence[Sentence]) -> str:
    """Return the text of sentences laid out as they were."""
    return "".join(sentence.text + sentence.after for sentence in sentences)


def _append_gap(sentences: list[Sentence], gap: str) -> None:
    last = sentences.pop() if sentences else Sentence(text="")
    sentences.append(Sentence(text=last.text, after=last.after + gap))


def _pieces(line: str, longest_chars: int) -> Iterator[str]:
    """Yield a line's sentences, with the white space around them."""
    start = 0
    for border in _BORDER.finditer(line):
        head = line[start : border.start()]
        if border.group()[0] == "." and (_ABBREVIATION.search(head) or _LIST_NUMBER.match(head)):
            continue
        follows = line[border.end() :].lstrip()[:1]
        if border.group()[0] in ".…" and follows.islower():
            continue
        yield from _short(line[start : border.end()], longest_chars)
        start = border.end()
    yield from _short(line[start:], longest_chars)


def _short(sentence: str, longest_chars: int) -> Iterator[str]:
    """Cut what is too long after its last comma, else its last space, else anywhere."""
    while len(sentence) > longest_chars:
        borders = [m for m in _SOFT_BORDER.finditer(sentence, longest_chars // 2, longest_chars) if m.end()]
        marked = [m.end() for m in borders if sentence[m.start() - 1] in ",;:–—、，；："]
        cut = (marked or [m.end() for m in borders] or [longest_chars])[-1]
        yield sentence[:cut]
        sentence = sentence[cut:]
    if sentence:
        yield sentence
