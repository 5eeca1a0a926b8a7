"""Sentences of a text's own that can stand for it: those whose words the rest of it repeats most (SumBasic's idea)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from serve_app.insights.source import SourceText
from serve_app.insights.statements import are_cased, leans
from serve_app.insights.vocabulary import Vocabulary, content_words, forms

T = TypeVar("T")

_SAME = 0.5  # of a sentence's content words, in another that says the same
_SHORT = 4  # words that are added to each sentence's number of them: short ones say little
_LEANING = 0.5  # of its worth has a sentence that needs the one before it


def said_in(sentence: str, others: Sequence[str]) -> bool:
    """Tell whether one of some sentences has most of the words of this one."""
    words = content_words(sentence)
    return any(sum(map(Vocabulary([other]).has, words)) >= _SAME * len(words) for other in others)


def most_central(source: SourceText, *, count: int, beside: Sequence[str] = ()) -> list[str]:
    """Return so many sentences of a text at most, in order, without what others say. Questions come last."""
    sentences = source.sentences
    worth = _worth(sentences, language=source.language)
    new = (at for at, sentence in enumerate(sentences) if not said_in(sentence, beside))
    best = sorted(new, key=lambda at: ("?" in sentences[at], -worth(sentences[at])))[:count]
    return [sentences[at] for at in sorted(best)]


def drawn_from(items: Sequence[T], *, most: int, text: Callable[[T], str], language: str | None) -> list[T]:
    """Return so many items at most: of more, those that `central_along` chooses."""
    return list(items) if len(items) <= most else central_along(items, count=most, text=text, language=language)


def central_along(
    items: Sequence[T],
    *,
    count: int,
    text: Callable[[T], str],
    language: str | None,
    beside: Sequence[str] = (),
    least: float = 0.0,
) -> list[T]:
    """Return the most central item of each of `count` stretches, in order, none of which says what others say.

    `least`: of the worth of the most central of all; a stretch without such an item is passed over.
    """
    texts = [text(item) for item in items]
    worths = list(map(_worth(texts, language=language), texts))
    least_worth = least * max(worths, default=0.0)
    found: list[int] = []
    for number in range(count):
        stretch = range(len(items) * number // count, len(items) * (number + 1) // count)
        told = [*beside, *(texts[at] for at in found)]
        new = [at for at in stretch if worths[at] >= least_worth and not said_in(texts[at], told)]
        if new:
            found.append(max(new, key=worths.__getitem__))
    return [items[at] for at in found]


def _worth(sentences: Sequence[str], *, language: str | None) -> Callable[[str], float]:
    """Return what tells how often some sentences have the words of one of them, less where it needs another one."""
    weight = Counter(word for sentence in sentences for word in _words(sentence))
    cased = are_cased(sentences)

    def worth(sentence: str) -> float:
        words = _words(sentence)
        centrality = sum(weight[word] for word in words) / (len(words) + _SHORT)
        return centrality * (_LEANING if leans(sentence, language=language, cased=cased) else 1.0)

    return worth


def _words(sentence: str) -> set[str]:
    return {forms(word)[-1] for word in content_words(sentence)}
