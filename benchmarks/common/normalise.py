"""Spelling, case, punctuation and numbers made alike, so that a word error is a wrong word."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

# Whisper's normaliser deletes what stands in brackets. In our references these words are spoken: open the brackets.
_BRACKETS = re.compile(r"[\[\](){}<>]")

_DIGITS = re.compile(r"\d|\D+")

_WRITTEN_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "km", "bo", "yue"})
# Vowel points that writers leave out; elsewhere (Indic scripts) marks are letters and stay.
_OPTIONAL_MARKS = frozenset({"ar", "he", "fa", "ur"})


def scored_words(text: str, language: str | None) -> list[str]:
    """Return the words (characters where a script has no spaces) that count for the error rate."""
    tokens = _normaliser(language or "")(_BRACKETS.sub(" ", text)).split()
    # The English normaliser leaves lone dots and signs standing; they are not words. Digits count one by one: read
    # out, "one oh two" may be written 102, 1-0-2 or 1 02, and none of them is wrong.
    words = [token for token in tokens if any(character.isalnum() for character in token)]
    return [part for word in words for part in _DIGITS.findall(word)]


@cache
def _normaliser(language: str) -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    if language == "en":
        normaliser: Callable[[str], str] = EnglishTextNormalizer()
    elif language in _OPTIONAL_MARKS:
        normaliser = BasicTextNormalizer(remove_diacritics=True)
    else:
        normaliser = BasicTextNormalizer(preserve_marks=True, split_letters=language in _WRITTEN_WITHOUT_SPACES)
    return normaliser
