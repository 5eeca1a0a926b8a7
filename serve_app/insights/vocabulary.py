"""The words of a text, and how much of a statement they support."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from serve_app.insights.spoken_numbers import spoken_numbers

_UNSPACED = r"\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])(?:(?![{_UNSPACED}])[\w\u0300-\u036f]|['’](?=\w))*")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
SPEAKER_LABEL = re.compile(r"\b(?:Speaker|Sprecher|Locuteur|Intervenant|Hablante)\s+\d+", re.IGNORECASE)
_NAME = re.compile(r"(?<=[^\W_][,;:]\s)[A-Z][\w'’]+|(?<=[^\W\d_]\s)[A-Z][\w'’]+|\b\w*[a-z][A-Z]\w*")

# Words that say nothing by themselves; those of four letters and more, shorter ones are never counted.
_EMPTY_WORDS = """
about above after again against almost along already also although always among another around because been
before being below between both came come comes could does doing done down during each either else even ever
every from gave give gives going gone have having here hers herself himself however into itself just kind know
knows less like likely little made make makes making many maybe mean means might more most much must myself near
need needs neither never none often once only onto other others ours over perhaps quite rather really same says
seem seems several shall should since some someone something sometimes soon still such take taken takes than
that their theirs them themselves then there therefore these they thing things this those though through thus
together took toward towards under until upon used uses using very want wants well went were what whatever when
where whether which while whole whom whose will with within without would your yours yourself speaker speakers
meeting text texts transcript conversation discussion discuss discusses discussed discussing mention mentions
mentioned emphasize emphasizes emphasized emphasise emphasises topic topics include includes including included
overview summary describe describes described describing highlight highlights highlighted various importance
important focus focuses explain explains explained people person author segment segments talk talks talked point
points state states stated note notes noted express expresses expressed suggest suggests suggested
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
_SMALL = frozenset({"the", "and", "for", "not", "you", "who", "all", "how", "why", "ill", "ive", "its", "key"})
# Languages that write names, and little else, with a capital letter inside a sentence.
_NAMES_ARE_CAPITAL = frozenset({"en", "fr", "es", "it", "pt", "nl"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word as it is compared, and where it stands in its text."""

    key: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Return the words of a text; in scripts without blanks each character is one."""
    return [Token(key=_key(match[0]), start=match.start(), end=match.end()) for match in _TOKEN.finditer(text)]


def content_words(text: str) -> list[str]:
    """Return the words that say something, in order."""
    return [token.key for token in tokens(text) if _says_something(token.key)]


def forms(key: str) -> tuple[str, ...]:
    """Return what a word is found by: itself and, if it has four letters and more, the beginning of all its forms."""
    return (key, f"{_stem(key)}-") if len(key) >= 4 else (key,)


def alike(left: str, right: str) -> float:
    """Return how many of the content words two texts share, 0..1 (Jaccard)."""
    one, other = set(content_words(left)), set(content_words(right))
    return len(one & other) / len(one | other) if one or other else float(left == right)


class Vocabulary:
    """What a text has words for."""

    def __init__(self, texts: Iterable[str], *, language: str | None = None) -> None:
        self._text = "\n".join(texts)
        self._language = language

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(token.key for token in tokens(self._text))

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(map(_stem, self._words))

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Every number, in digits, however it is written."""
        spoken = spoken_numbers(_parts(self._text))
        digits = {part for number in _NUMBER.findall(self._text) for part in _digits(number)}
        return frozenset(digits | spoken)

    def has(self, word: str) -> bool:
        """Tell whether the text has this word in any of its forms."""
        return word in self._words or (len(word) >= 4 and _stem(word) in self._stems)

    def says(self, phrase: str) -> bool:
        """Tell whether the text has these words one after the other."""
        return phrase.casefold() in self._text.casefold()

    def support(self, statement: str) -> float:
        """Return the share of a statement's content words that the text has; 1 if there are none."""
        words = content_words(SPEAKER_LABEL.sub(" ", statement))
        return sum(map(self.has, words)) / len(words) if words else 1.0

    def invented(self, statement: str, *, names: bool = True) -> list[str]:
        """Return the numbers and names of a statement that the text does not have."""
        plain = SPEAKER_LABEL.sub(" ", statement)
        found = [number for number in _NUMBER.findall(plain) if not _digits(number) & self.numbers]
        if names and self._language in _NAMES_ARE_CAPITAL:
            found += [name for name in _NAME.findall(plain) if not all(map(self.has, meaningful_words(name)))]
        return found


def _key(word: str) -> str:
    folded = unicodedata.normalize("NFKC", word).casefold().replace("’", "").replace("'", "")
    return folded.removesuffix("s") if word[-2:] in {"'s", "’s"} else folded


def _stem(key: str) -> str:
    """Return what the forms of a word have in common: its beginning, without English endings."""
    bare = key.removesuffix("s") if len(key) > 3 and not key.endswith("ss") else key
    for ending in ("ing", "ed", "er", "ly"):
        if len(bare) >= len(ending) + 3:
            bare = bare.removesuffix(ending)
    return bare.removesuffix("e")[:5]


def _says_something(key: str) -> bool:
    if key in _EMPTY or key[0].isdigit():
        return False
    return len(key) >= 4 or not key.isascii()


def meaningful_words(text: str) -> list[str]:
    """Return the words that mean something, in order: content words, numbers, and shorter ones of three letters."""
    return [key for key in (token.key for token in tokens(text)) if len(key) >= 3 and key not in _EMPTY | _SMALL]


def _parts(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.casefold())


def _digits(number: str) -> set[str]:
    """Return the ways to read a written number: 1,200 is 1200; 3.50 is also 3.5."""
    plain = number.replace(",", "")
    return {number, plain, plain.rstrip("0").rstrip(".") if "." in plain else plain}
