"""Text as the words that it is found by, alike for what is stored and what is searched.

Scripts that put no spaces between words are cut into overlapping pairs of characters, as search engines commonly do
for Chinese and Japanese; other words are found by their beginnings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, pairwise

_MAX_WORDS = 50_000  # with _MAX_CHARS well below the megabyte that PostgreSQL's tsvector may take
_MAX_WORD_CHARS = 32
_MAX_QUERY_WORDS = 16
_UNSPACED = ("CJK UNIFIED", "CJK COMPAT", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def words_of(text: str) -> list[str]:
    """Return the different words of a text, sorted; of an extremely rich one only the first 50,000."""
    found: dict[str, None] = {}
    for word in _words(text):
        found[word] = None
        if len(found) == _MAX_WORDS:
            break
    return sorted(found)


def query_of(text: str) -> str:
    """Return a tsquery that asks for all of a text's words, the empty string if it has none."""
    words = list(dict.fromkeys(_words(text)))[:_MAX_QUERY_WORDS]
    return " & ".join(f"'{word}':*" for word in words)


def _words(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    for kind, characters in groupby(folded, _kind):
        word = "".join(characters)
        if kind == "spaced" or (kind == "unspaced" and len(word) == 1):
            yield word[:_MAX_WORD_CHARS]
        elif kind == "unspaced":
            yield from (first + second for first, second in pairwise(word))


@lru_cache(maxsize=65_536)
def _kind(character: str) -> str:
    """Return `spaced`, `unspaced`, or the empty string for what is no part of a word. Marks belong to words."""
    if unicodedata.category(character)[0] not in "LMN":
        return ""
    return "unspaced" if unicodedata.name(character, "").startswith(_UNSPACED) else "spaced"
