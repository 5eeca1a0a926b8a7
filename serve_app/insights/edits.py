"""Edits that a transcript may suffer: names, fillers, punctuation and case. Everything else is refused.

Words are edited in runs of one segment, which keep their place: an edit may take a filler away or join and part the
words of a name, and changes no other word's place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.insights.shapes import EditShape
from serve_app.insights.sounds import Sounding, alikeness, folded, how_alike, sounding

_MARKS = frozenset(".,?!;:…¿¡。、，？！।؟")
_ENDS = frozenset(".?!…。？！।؟")
_LEAST_ALIKE = 0.55  # of a name and what was heard for it
_DOUBTFUL = 0.72  # alike enough to ask a reader, who takes most words for a name that are given the choice
_SURE = 0.8  # alike enough to need nobody's consent
_LONGEST_NAME = 4  # words

_POSSESSIVE = re.compile(r"['’]s$")

# Sounds of hesitation: never words.
_FILLERS = {
    None: "umm uhm uhh erm hmm hm mhm mm mmm",
    "en": "um uh er",  # words of their own elsewhere
    "fr": "euh heu",
    "de": "äh ähm öh",
    "es": "em",
    "it": "ehm",
    "nl": "uh ehm",
}
# Words that are fillers only where a reader says so.
_SOFT_FILLERS = {"en": ("you know", "i mean", "sort of", "kind of", "like", "basically", "well", "so", "actually")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Words `start` to `end` of a run become others: none for a filler."""

    start: int
    end: int
    words: tuple[str, ...]


def fillers(words: Sequence[str], language: str | None) -> list[Edit]:
    """Return the edits that take the sounds of hesitation out."""
    known = set(_FILLERS[None].split()) | set(_FILLERS.get(language, "").split())
    return [Edit(start=at, end=at + 1, words=()) for at, word in enumerate(words) if folded(word) in known]


def sure_names(words: Sequence[str], terms: Sequence[str]) -> list[Edit]:
    """Return the edits that need no judgement.

    These are terms that only stand in other letters' case, and names heard almost as they are: of several words, or
    of one that the recognizer took for a name too.
    """
    stretches = _Stretches(words)
    found = []
    for term in terms:
        right = sounding(term)
        count = len(term.split())
        for size in {count, count + 1} - {0}:
            for at, (heard, sounds) in enumerate(stretches.of(size)):
                if heard == term or (sounds.sound != right.sound and sounds.letters != right.letters):
                    continue
                if _sure(heard, sounds, term, right, opens=at == 0 or _ends(words[at - 1])):
                    found.append(Edit(start=at, end=at + size, words=_dressed(words[at : at + size], term)))
    return found


def _sure(heard: str, sounds: Sounding, term: str, right: Sounding, *, opens: bool) -> bool:
    if sounds.letters == right.letters:
        return any(c.isupper() for c in term)  # Databricks for data bricks, PyTorch for pytorch
    if sounds.sound != right.sound or not how_alike(sounds, right, at_least=_SURE):
        return False
    return len(term.split()) > 1 or (heard[:1].isupper() and not opens and len(term) > 4)


def doubtful_names(words: Sequence[str], terms: Sequence[str]) -> list[Edit]:
    """Return the edits that a reader should judge: where something sounds much like a term, the most alike first."""
    stretches = _Stretches(words)
    found: list[tuple[float, Edit]] = []
    for term in terms:
        right = sounding(term)
        count = len(term.split())
        for size in {count, count + 1, max(count - 1, 1)}:
            for at, (_, sounds) in enumerate(stretches.of(size)):
                if sounds.letters == right.letters:
                    continue
                if alike := how_alike(sounds, right, at_least=_DOUBTFUL):
                    edit = Edit(start=at, end=at + size, words=_dressed(words[at : at + size], term))
                    found.append((alike, edit))
    return [edit for _, edit in sorted(found, key=lambda each: -each[0])]


class _Stretches:
    """All stretches of so many words, as they stand bare and as they sound; made once for all terms."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._by_size: dict[int, list[tuple[str, Sounding]]] = {}

    def of(self, size: int) -> list[tuple[str, Sounding]]:
        """Return them by their first word."""
        if size not in self._by_size:
            starts = range(len(self._words) - size + 1)
            texts = [_POSSESSIVE.sub("", _bare(" ".join(self._words[at : at + size]))) for at in starts]
            self._by_size[size] = [(text, sounding(text)) for text in texts]
        return self._by_size[size]


def allowed(words: Sequence[str], proposal: EditShape, *, terms: Sequence[str], language: str | None) -> list[Edit]:
    """Return the edits a proposal comes to; none if it is not one of the kinds, or leaves its kind's bounds."""
    wanted = proposal.from_word.split()
    if not wanted or proposal.from_word == proposal.to_word:
        return []
    size = len(wanted)
    places = [at for at in range(len(words) - size + 1) if _same(words[at : at + size], wanted)]
    if proposal.kind != "name" and len(places) != 1:
        return []  # which one is meant is not known
    if not _ALLOWED[proposal.kind](proposal, terms, language):
        return []
    if proposal.kind == "filler":
        return [Edit(start=at, end=at + size, words=()) for at in places]
    if proposal.kind == "name":
        to = _bare(proposal.to_word)
        return [Edit(start=at, end=at + size, words=_dressed(words[at : at + size], to)) for at in places]
    return [Edit(start=at, end=at + size, words=tuple(proposal.to_word.split())) for at in places]


def _is_name(proposal: EditShape, terms: Sequence[str], language: str | None) -> bool:
    """A name is a whole term, or a word of one that stands for the word heard."""
    to = _bare(proposal.to_word)
    known = {*terms, *(part for term in terms for part in term.split())}
    heard = _bare(proposal.from_word)
    if to not in known or heard in known or abs(len(heard.split()) - len(to.split())) > 1:
        return False
    return len(to.split()) <= _LONGEST_NAME and alikeness(heard, to) >= _LEAST_ALIKE


def _is_filler(proposal: EditShape, terms: Sequence[str], language: str | None) -> bool:
    soft = _SOFT_FILLERS.get(language or "", ())
    return not folded(proposal.to_word) and _bare(proposal.from_word).casefold() in soft


def _is_punctuation(proposal: EditShape, terms: Sequence[str], language: str | None) -> bool:
    """Marks may come and go at a word's borders; letters, blanks and everything else stay, but for the first's case."""
    before, after = proposal.from_word.split(), proposal.to_word.split()
    if len(before) != len(after):
        return False
    return all(_unmarked(old).casefold() == _unmarked(new).casefold() for old, new in zip(before, after, strict=True))


def _is_case(proposal: EditShape, terms: Sequence[str], language: str | None) -> bool:
    return proposal.from_word.casefold().split() == proposal.to_word.casefold().split()


_ALLOWED = {"name": _is_name, "filler": _is_filler, "punctuation": _is_punctuation, "case": _is_case}


def without_conflicts(edits: Sequence[Edit]) -> list[Edit]:
    """Return edits in order of place; of those that touch the same words, the first given."""
    kept: list[Edit] = []
    for edit in edits:
        if all(edit.end <= other.start or other.end <= edit.start for other in kept):
            kept.append(edit)
    return sorted(kept, key=lambda edit: edit.start)


def _same(words: Sequence[str], wanted: Sequence[str]) -> bool:
    return [_bare(word).casefold() for word in words] == [_bare(word).casefold() for word in wanted]


def _bare(text: str) -> str:
    return text.strip("".join(_MARKS) + " \"'“”‘’()[]")


def _unmarked(word: str) -> str:
    return word.strip("".join(_MARKS))


def _ends(word: str) -> bool:
    return word[-1:] in _ENDS


def _dressed(words: Sequence[str], term: str) -> tuple[str, ...]:
    """Return a term with the marks around the words that it stands for, and with their possessive."""
    text = " ".join(words)
    inner = _bare(text)
    before, _, after = text.partition(inner)
    possessive = _POSSESSIVE.search(inner)
    own = possessive[0] if possessive and not term.endswith(possessive[0]) else ""
    return tuple(f"{before}{term}{own}{after}".split())
