"""How alike two words look and sound, to tell a misheard name from another word."""

from __future__ import annotations

import re
import unicodedata

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


def alikeness(left: str, right: str) -> float:
    """Return how alike two words or names are, 0..1: their letters, and their sound for as much again."""
    one, other = folded(left), folded(right)
    if not one or not other:
        return 0.0
    letters = 1 - distance(one, other) / max(len(one), len(other))
    sounds, heard = sound_of(left), sound_of(right)
    sound = 1 - distance(sounds, heard) / max(len(sounds), len(heard), 1)
    return (letters + sound) / 2


def distance(left: str, right: str) -> int:
    """Return how many letters must be changed, added or removed to get from one to the other (Levenshtein)."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
