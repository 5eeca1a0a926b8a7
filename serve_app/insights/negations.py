"""Whether a statement says what a text denies, or denies what it says. English only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from serve_app.insights.passages import Passages
from serve_app.insights.source import SourceText
from serve_app.insights.vocabulary import content_words, forms

_LEAST_WORDS = 3  # of a statement; what has fewer may be of any clause
_SAME = 0.6  # of a statement's content words, in the clause of the text that it is compared with
_DENIAL = re.compile(
    r"\b(?:not|never|no|nor|neither|nobody|nothing|none|nowhere|cannot|almost|nearly|hardly|rarely|seldom|scarcely|"
    r"(?:is|are|was|were|very) rare)\b|n['’]t\b",
    re.IGNORECASE,
)
# Words of denial that deny nothing: `not only`, `not this but that`, `almost all`, `isn't it`, `don't forget`.
_NO_DENIAL = re.compile(
    r"\bnot (?:only|just|merely|least)\b|\bnot\b[^.;]*\bbut\b|\b(?:if|or|why) not\b|\bwhy don['’]t\b|"
    r"\b(?:almost|nearly) (?:all|always|any|every\w*|half|the|a|an|\d+)\b|"
    r"\bno (?:problem|worries|doubt|later than|more than|less|fewer)\b|^no\b|"
    r"\w+n['’]t (?:you|we|he|she|they|it)\b|(?:n['’]t|\bnot|\bnever) (?:forget|hesitate|fail|miss)\b|\bcan['’]t wait\b",
    re.IGNORECASE,
)
# Other words for a denial: who has one may tell, or be told by, a sentence with `not`.
_OTHERWISE = re.compile(
    r"\b(?:without|fail\w*|lack\w*|refus\w*|avoid\w*|prevent\w*|stop\w*|den(?:y|ie)\w*|reject\w*|forb\w+|absen\w*|"
    r"rare|barely|instead|rather|except|unlike|impossib\w+|few|fewer|little|less|too|"
    r"un(?!der|til|i[foqtv])\w{4,}|dis(?!cover|cuss|h|play|tan|tin|tri)\w{4,})\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(r"(?:n['’]t|\bnot|\bnever) (?:think|believe|suppose|expect|imagine)\b", re.IGNORECASE)
_LINK = r"(?:but|because|although|though|while|if|which|who)\s+"
_CLAUSE_END = re.compile(rf"[,;:]\s+(?:{_LINK})?|\s+{_LINK}", re.IGNORECASE)
_INTRODUCTION = re.compile(r"(?:after|among|at|before|by|during|for|from|in|of|on|with|without)\b", re.IGNORECASE)
_BUT = re.compile(r"\bbut\s+$", re.IGNORECASE)


class Negations:
    """Knows what a text denies, clause by clause."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def turned(self, statement: str) -> bool:
        """Tell whether only clauses of the other kind, denying or not, have most of a statement's words."""
        if self._source.language != "en" or len(content_words(statement)) < _LEAST_WORDS:
            return False
        share, places = self._passages.best(statement)
        if share < _SAME or not places:
            return False
        clauses = [self._clauses[place] for place in places]
        if _denies(statement):
            return not any(map(_leans_to_denial, clauses))
        if _DENIAL.search(statement):
            return False
        return all(_denies(clause) and _otherwise(statement) <= _otherwise(clause) for clause in clauses)

    @cached_property
    def _clauses(self) -> list[str]:
        return [clause for sentence in self._source.sentences for clause in _clauses_of(sentence)]

    @cached_property
    def _passages(self) -> Passages:
        return Passages(self._clauses, reach=0)


def _clauses_of(sentence: str) -> Iterator[str]:
    """Yield the clauses of a sentence.

    What is doubted in one is what follows it; `not this, but that` is one, and so is `among graduates, few failed`.
    """
    start = 0
    for number, end in enumerate(_CLAUSE_END.finditer(sentence)):
        if number == 0 and _INTRODUCTION.match(sentence):
            continue
        denied = _DENIAL.search(sentence, start, end.start()) and _BUT.search(end[0])
        if not denied and not _DOUBT.search(sentence, start, end.start()):
            yield sentence[start : end.start()]
            start = end.end()
    yield sentence[start:]


def _denies(clause: str) -> bool:
    return _DENIAL.search(_NO_DENIAL.sub(" ", clause)) is not None


def _leans_to_denial(clause: str) -> bool:
    return (_DENIAL.search(clause) or _OTHERWISE.search(clause)) is not None


def _otherwise(clause: str) -> set[str]:
    return {forms(word.casefold())[-1] for word in _OTHERWISE.findall(clause)}
