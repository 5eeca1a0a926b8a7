"""Prose that says only what a text says: checked sentence by sentence while it is being written."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from serve_app.insights.attribution import Attribution
from serve_app.insights.proposals import Proposals
from serve_app.insights.source import SourceText, sentences_of
from serve_app.insights.vocabulary import Vocabulary, content_words

_SUPPORT = 0.5  # of a sentence's content words; the rest are words a summary needs to connect them
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*]*\s+|(?<=[。！？؟।॥])|\n+")
_CITATION = re.compile(r"\s*(?:\[(?:segments?\s*)?\d+(?:\s*[,–-]\s*\d+)*\]|\(segments?\s[^)]*\))", re.IGNORECASE)
_MARKUP = re.compile(r"</?text>|<\|[^|>]*\|>")
_MOST_REPEATS = 3


class Gate:
    """Lets sentences pass that the text supports, each once. Headings need fewer words of the text than sentences.

    With an attribution, sentences that name a speaker must also stand on that speaker's words; with proposals, what was
    only proposed is not told as settled.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        same_language: bool,
        support: float = _SUPPORT,
        attribution: Attribution | None = None,
        proposals: Proposals | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._attribution = attribution
        self._proposals = proposals
        self._same_language = same_language
        self._support = support
        self._said: set[str] = set()
        self.repeats = 0

    def passes(self, sentence: str) -> bool:
        plain = sentence.strip().strip("#*-•> ")
        key = " ".join(content_words(plain)) or plain
        if not any(c.isalnum() for c in plain):
            return False
        if key in self._said:
            self.repeats += 1
            return False
        self._said.add(key)
        return self._supported(plain, heading=sentence.lstrip().startswith("#") or plain.endswith(":"))

    def _supported(self, sentence: str, *, heading: bool) -> bool:
        if not self._same_language:
            return not self._vocabulary.invented(sentence, names=False)
        if self._vocabulary.invented(sentence, names=not heading):
            return False
        if self._attribution is not None and not self._attribution.holds(sentence):
            return False
        if self._proposals is not None and self._proposals.told_as_settled(sentence):
            return False
        return self._vocabulary.support(sentence) >= (self._support / 2 if heading else self._support)


async def checked(pieces: AsyncGenerator[str, None], gate: Gate) -> AsyncGenerator[str, None]:
    """Yield whole sentences that pass the gate, as soon as they are complete. Who goes in circles is stopped."""
    pending = ""
    async with aclosing(pieces):
        async for piece in pieces:
            pending += piece
            ready, pending = _complete(pending)
            for sentence in ready:
                if gate.passes(sentence):
                    yield sentence
            if gate.repeats >= _MOST_REPEATS:
                return
    rest = _clean(pending)
    if rest.strip() and gate.passes(rest) and _is_finished(rest):
        yield rest


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


def most_central(source: SourceText, *, count: int) -> list[str]:
    """Return the sentences, in order, whose words the rest of the text repeats most."""
    sentences = [each for segment in source.segments for each in sentences_of(segment.text)]
    weight: dict[str, int] = {}
    for sentence in sentences:
        for word in set(content_words(sentence)):
            weight[word] = weight.get(word, 0) + 1

    def centrality(sentence: str) -> float:
        words = set(content_words(sentence))
        return sum(weight[word] for word in words) / (len(words) + 4)  # short ones say little

    best = sorted(range(len(sentences)), key=lambda at: -centrality(sentences[at]))[:count]
    return [sentences[at] for at in sorted(best)]
