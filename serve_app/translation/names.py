"""Names that a translation may have lost or respelled, as far as capital letters tell."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from serve_app.translation.fidelity import KEPT

# Languages between which the name of a person or a product is spelled the same, and not inflected.
SPELLED_ALIKE = frozenset({"en", "de", "fr", "es", "pt", "it", "nl"})

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_NEW_SENTENCE = re.compile(r"(?:^|[.!?:;…\n]|[\"“„«¿¡(])\s*$")
_CALENDAR = frozenset(name.casefold() for name in (*calendar.day_name, *calendar.month_name))
_ALIKE = 0.75  # of the letters: Marta and Martina have 0.83, President and Presidente 0.95
_FEWEST_LETTERS = 4  # of a name that is missed: `And` and `The` have capitals where speech is cut
_SHARED_START = 3  # letters: Lisbon, Lisboa, Lissabon


def lost_names(source: str, translated: str, *, languages: tuple[str, str]) -> list[str]:
    """Return words of a text that look like names and are not in its translation.

    `languages` are the codes of both. A capital within a sentence makes a name, except in German, of short words, and
    where the translation has a word that begins alike: places have names in each language. The word before a name that
    was kept is lost if the translation has a like one in its place (`Martina Kowalczyk` for `Marta Kowalczyk`).
    """
    if not SPELLED_ALIKE.issuperset(languages):
        return []
    plain = KEPT.sub(" ", source)
    words = list(_WORD.finditer(plain))
    said = _WORD.findall(translated)
    begins = {word[:_SHARED_START].casefold() for word in said}
    lost = []
    for at, match in enumerate(words):
        word = match.group()
        if not _is_name(word) or word in translated:
            continue
        following = words[at + 1].group() if at + 1 < len(words) else ""
        if _stands_for(word, following, said) or (
            languages[0] != "de"
            and len(word) >= _FEWEST_LETTERS
            and not _NEW_SENTENCE.search(plain[: match.start()])
            and word[:_SHARED_START].casefold() not in begins
        ):
            lost.append(word)
    return lost


def _is_name(word: str) -> bool:
    return len(word) > 1 and word[0].isupper() and not word.isupper() and word.casefold() not in _CALENDAR


def _stands_for(word: str, following: str, said: Sequence[str]) -> bool:
    """Return whether a translation says a like word for this one before the name that follows."""
    if not _is_name(following):
        return False
    before = [said[at - 1] for at in range(1, len(said)) if said[at] == following]
    return any(_is_name(other) and SequenceMatcher(None, word, other).ratio() >= _ALIKE for other in before)
