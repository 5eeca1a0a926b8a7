"""How much room text takes in a subtitle line, in tenths of a Latin character."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

NARROW = 10
WIDE = 21  # 20 wide characters fill a line
LINE_WIDTH = 42 * NARROW


def width_of(text: str) -> int:
    """Return the width of a text; combining marks take none."""
    return len(text) * NARROW if text.isascii() else sum(map(_character_width, text))


def split_wide(text: str, *, width: int) -> list[str]:
    """Split a word into parts no wider than a line, away from combining marks and closing punctuation if possible."""
    parts = []
    while width_of(text) > width:
        cut = _longest_prefix(text, width)
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def _longest_prefix(text: str, width: int) -> int:
    fits, used = 0, 0
    for character in text:
        used += _character_width(character)
        if used > width:
            break
        fits += 1
    fits = max(fits, 1)
    cut = fits
    while cut > 1 and _clings(text[cut]):
        cut -= 1
    return cut if cut > 1 else fits


@lru_cache(maxsize=4096)
def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return WIDE if unicodedata.east_asian_width(character) in ("W", "F") else NARROW


def _clings(character: str) -> bool:
    """Return whether a character must not start a line."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf", "Pe", "Pf", "Po")
