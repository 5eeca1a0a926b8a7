"""Sentences of a text's own that can stand for it: those whose words the rest of it repeats most (SumBasic's idea)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from serve_app.insights.source import SourceText, sentences_of
from serve_app.insights.vocabulary import Vocabulary, content_words, forms

_SAME = 0.5  # of a sentence's content words, in another that says the same
_SHORT = 4  # words that are added to each sentence's number of them: short ones say little


def said_in(sentence: str, others: Sequence[str]) -> bool:
    """Tell whether one of some sentences has most of the words of this one."""
    words = content_words(sentence)
    return any(sum(map(Vocabulary([other]).has, words)) >= _SAME * len(words) for other in others)


def most_central(source: SourceText, *, count: int, beside: Sequence[str] = ()) -> list[str]:
    """Return so many sentences of a text at most, in order, without what others say. Questions come last."""
    sentences = [each for segment in source.segments for each in sentences_of(segment.text)]
    centrality = _centrality(sentences)
    new = (at for at, sentence in enumerate(sentences) if not said_in(sentence, beside))
    best = sorted(new, key=lambda at: ("?" in sentences[at], -centrality(sentences[at])))[:count]
    return [sentences[at] for at in sorted(best)]


def central_along(statements: Sequence[str], *, count: int, beside: Sequence[str] = ()) -> list[str]:
    """Return the most central statement of each of `count` stretches, in order, none of which says what others say."""
    centrality = _centrality(statements)
    found: list[str] = []
    for number in range(count):
        stretch = statements[len(statements) * number // count : len(statements) * (number + 1) // count]
        new = [each for each in stretch if not said_in(each, [*beside, *found])]
        if new:
            found.append(max(new, key=centrality))
    return found


def _centrality(sentences: Sequence[str]) -> Callable[[str], float]:
    """Return what tells how often some sentences have the words of one of them."""
    weight = Counter(word for sentence in sentences for word in _words(sentence))

    def centrality(sentence: str) -> float:
        words = _words(sentence)
        return sum(weight[word] for word in words) / (len(words) + _SHORT)

    return centrality


def _words(sentence: str) -> set[str]:
    return {forms(word)[-1] for word in content_words(sentence)}
