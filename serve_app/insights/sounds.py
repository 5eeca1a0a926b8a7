"""How alike two words look and sound, to tell a misheard name from another word."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Sounds that recognizers confuse share a letter. The order matters: pairs come before their parts.
_SOUNDS = (
    ("sch", "S"), ("tch", "S"), ("sh", "S"), ("ch", "S"), ("dge", "S"), ("ph", "f"), ("gh", ""), ("th", "t"),
    ("ck", "k"), ("qu", "k"), ("wh", "f"), ("wr", "r"), ("kn", "n"), ("c", "k"), ("x", "ks"), ("q", "k"), ("g", "k"),
    ("z", "s"), ("v", "f"), ("w", "f"), ("d", "t"), ("b", "p"), ("j", "S"), ("h", ""),
)  # fmt: skip
_SOFT_C = re.compile(r"c(?=[eiy])")
_VOWELS = re.compile(r"(?<=.)[aeiouy]+")
_DOUBLED = re.compile(r"(.)\1+")


def folded(text: str) -> str:
    """Return the letters and digits of a text in lower case, without accents."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in bare if c.isalnum())


def sound_of(text: str) -> str:
    """Return the consonants of a text by groups that sound alike, and whether it begins with a vowel."""
    word = _SOFT_C.sub("s", folded(text))
    for written, heard in _SOUNDS:
        word = word.replace(written, heard)
    word = re.sub(r"^[aeiouy]+", "a", word)
    return _DOUBLED.sub(r"\1", _VOWELS.sub("", word))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sounding:
    """Words as they are compared: their letters, and their sound."""

    letters: str
    sound: str


def sounding(text: str) -> Sounding:
    return Sounding(letters=folded(text), sound=sound_of(text))


def alikeness(left: str, right: str) -> float:
    """Return how alike two words or names are, 0..1: their letters, and their sound for as much again."""
    return how_alike(sounding(left), sounding(right))


def how_alike(one: Sounding, other: Sounding, *, at_least: float = 0.0) -> float:
    """Return the alikeness of words; 0 where it is below `at_least`, which is seldom computed to the end."""
    if (
        not one.letters
        or not other.letters
        or _most(one.sound, other.sound) + _most(one.letters, other.letters) < (2 * at_least)
    ):
        return 0.0
    sound = _share(one.sound, other.sound)
    if sound + _most(one.letters, other.letters) < 2 * at_least:
        return 0.0
    alike = (sound + _share(one.letters, other.letters)) / 2
    return alike if alike >= at_least else 0.0


def _share(one: str, other: str) -> float:
    return 1 - distance(one, other) / max(len(one), len(other), 1)


def _most(one: str, other: str) -> float:
    """Return what the share can be at most: a longer word needs letters added."""
    return 1 - abs(len(one) - len(other)) / max(len(one), len(other), 1)


def distance(left: str, right: str) -> int:
    """Return how many letters must be changed, added or removed to get from one to the other (Levenshtein)."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
