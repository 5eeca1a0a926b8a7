"""Prose that says only what a text says: checked sentence by sentence while it is being written."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from serve_app.insights.attribution import Attribution
from serve_app.insights.negations import Negations
from serve_app.insights.passages import Passages
from serve_app.insights.proposals import Proposals
from serve_app.insights.relations import Relations
from serve_app.insights.splices import Splices
from serve_app.insights.vocabulary import Vocabulary, content_words

_SUPPORT = 0.7  # of a sentence's content words; the rest are words a summary needs to connect them
_TOGETHER = 0.6  # of a clause's content words, in one passage of the text
_CLAUSE_END = re.compile(r"[,;:]\s+|\s+(?:and|or|but|because|which|who|while|as well as|due to)\s+", re.IGNORECASE)
# English words with which summaries speak of a text.
_FRAMING = re.compile(
    r"\b(?:recordings?|history|roles?|evolution|specifically|argue[sd]?|conclude[sd]?|begins|starts|ends|despite|"
    r"decisions?)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?:this|these|such)\s+(\w+)", re.IGNORECASE)
_RANK = re.compile(r"\bmost (?:important|significant|notable|interesting|crucial|striking|relevant)\b", re.IGNORECASE)
# Where in a text something stands is not in its words: nobody could check it.
_PLACES = re.compile(
    r"\b(?:text|recording|transcript|conversation|discussion|talk)\s+(?:then\s+)?"
    r"(?:begins|starts|opens|ends|closes|concludes|finishes)\b",
    re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*]*\s+|(?<=[。！？؟।॥])|\n+")
_CITATION = re.compile(r"\s*(?:\[(?:segments?\s*)?\d+(?:\s*[,–-]\s*\d+)*\]|\(segments?\s[^)]*\))", re.IGNORECASE)
_MARKUP = re.compile(r"</?text>|<\|[^|>]*\|>")
_MOST_REPEATS = 3
_REPEATABLE = 5  # content words from which a sentence repeats another that has all of them


class Gate:
    """Lets sentences pass that the text supports, each once. Headings need fewer words of the text than sentences.

    With an attribution, sentences that name a speaker must also stand on that speaker's words; with proposals, what was
    only proposed is not told as settled; with passages, the words of a clause must stand together somewhere, since a
    long text has every word; with relations, it has nobody else do what the text says; with negations, it says nothing
    that the text denies; with splices, it does not complete a sentence of the text with the end of another.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        same_language: bool,
        support: float = _SUPPORT,
        attribution: Attribution | None = None,
        proposals: Proposals | None = None,
        passages: Passages | None = None,
        relations: Relations | None = None,
        negations: Negations | None = None,
        splices: Splices | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._attribution = attribution
        self._proposals = proposals
        self._passages = passages
        self._relations = relations
        self._negations = negations
        self._splices = splices
        self._same_language = same_language
        self._support = support
        self._said: set[str] = set()
        self._told: list[frozenset[str]] = []
        self.repeats = 0
        self.refused = 0

    def passes(self, sentence: str) -> bool:
        plain = sentence.strip().strip("#*-•> ")
        key = " ".join(content_words(plain)) or plain
        if not any(c.isalnum() for c in plain):
            return False
        words = frozenset(content_words(_FRAMING.sub(" ", plain)))
        if key in self._said or (len(words) >= _REPEATABLE and any(words <= told for told in self._told)):
            self.repeats += 1
            return False
        self._said.add(key)
        supported = self._supported(plain, heading=sentence.lstrip().startswith("#") or plain.endswith(":"))
        if supported:
            self._told.append(words)
        self.refused += not supported
        return supported

    def _supported(self, sentence: str, *, heading: bool) -> bool:
        if not self._same_language:
            return not self._vocabulary.invented(sentence, names=False)
        if self._vocabulary.invented(sentence, names=not heading) or self._misleads(sentence) or self._labels(sentence):
            return False
        told = _FRAMING.sub(" ", sentence)
        if heading:
            return self._vocabulary.support(told) >= self._support / 2
        return self._vocabulary.support(told) >= self._support and all(map(self._is_told, _CLAUSE_END.split(told)))

    def _misleads(self, sentence: str) -> bool:
        """Tell whether a sentence gives words to others, settles what is open, joins pieces, or turns a `not`."""
        if self._attribution is not None and not self._attribution.holds(sentence):
            return True
        if self._proposals is not None and self._proposals.told_as_settled(sentence):
            return True
        if self._splices is not None and self._splices.made(sentence):
            return True
        clauses = (sentence, *_CLAUSE_END.split(sentence))
        return self._negations is not None and any(map(self._negations.turned, clauses))

    def _labels(self, sentence: str) -> bool:
        """Tell a comment: it sums up in a word that the text does not have, ranks what nobody ranked, or says where."""
        label = _LABEL.match(sentence)
        comments = [*_RANK.findall(sentence), *_PLACES.findall(sentence)]
        summed_up = label is not None and not all(map(self._vocabulary.has, content_words(label[1])))
        return summed_up or not all(map(self._vocabulary.says, comments))

    def _is_told(self, clause: str) -> bool:
        if self._passages is not None and (self._passages.share(clause) < _TOGETHER or self._passages.joins(clause)):
            return False
        return self._relations is None or not self._relations.broken(clause)


async def checked(pieces: AsyncGenerator[str, None], gate: Gate) -> AsyncGenerator[str, None]:
    """Yield whole sentences that pass the gate, as soon as they are complete. Who goes in circles is stopped."""
    pending = ""
    layout = _Layout()
    async with aclosing(pieces):
        async for piece in pieces:
            pending += piece
            ready, pending = _complete(pending)
            for sentence in ready:
                if not gate.passes(sentence):
                    layout.leave_out(sentence)
                    continue
                for told in layout.tell(sentence):
                    yield told
            if gate.repeats >= _MOST_REPEATS:
                return
    rest = _clean(pending)
    if rest.strip() and gate.passes(rest) and _is_finished(rest):
        for told in layout.tell(rest):
            yield told


class _Layout:
    """Keeps lines apart between which a sentence is left out, and headings back until something is told under them."""

    def __init__(self) -> None:
        self._headings: list[str] = []
        self._ends_line = True
        self._gap = ""  # the line's end that went with what was left out

    def tell(self, sentence: str) -> list[str]:
        """Return what to write now."""
        if sentence.lstrip().startswith("#"):
            self._headings = [each for each in self._headings if _level(each) < _level(sentence)]
            self._headings.append(sentence)
            return []
        first, *others = [*self._headings, sentence]
        written = [first if self._ends_line else self._gap + first, *others]
        self._headings, self._gap, self._ends_line = [], "", sentence.endswith("\n")
        return written

    def leave_out(self, sentence: str) -> None:
        self._gap = sentence[len(sentence.rstrip("\n")) :] or self._gap


def _level(heading: str) -> int:
    plain = heading.lstrip()
    return len(plain) - len(plain.lstrip("#"))


def _complete(text: str) -> tuple[list[str], str]:
    """Return the sentences that have ended, with the blanks behind them, and the rest."""
    ends = [match.end() for match in _END.finditer(text) if match.end() < len(text)]
    starts = [0, *ends]
    sentences = [_clean(text[start:end]) for start, end in zip(starts, ends, strict=False)]
    return sentences, text[starts[-1] :]


def _clean(sentence: str) -> str:
    return _MARKUP.sub("", _CITATION.sub("", sentence))


def _is_finished(sentence: str) -> bool:
    """Tell a last sentence from one that ran out of tokens: those are long and have no full stop."""
    plain = sentence.rstrip().rstrip("*_\"'”’)]")
    return plain[-1:] in ".!?…。！？؟।॥:" or len(plain) < 120
