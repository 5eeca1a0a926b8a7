"""What is open: amounts and dates only wished for, ends nobody spoke of, and what was only asked. English only."""

from __future__ import annotations

import re
from functools import cached_property

from serve_app.insights.passages import Passages
from serve_app.insights.source import SourceText
from serve_app.insights.vocabulary import Vocabulary, content_words, tokens

_UNSETTLED = re.compile(
    r"\b(?:want(?:s|ed|ing)? to|(?:would|i['’]d|we['’]d) like(?! you\b)|could(?! you\b)|might|(?-i:may)|perhaps|maybe|"
    r"wish(?:es|ed)?|hop(?:es?|ed|ing)|propos\w*|suggest\w*|consider\w*|discuss\w*|think(?:s|ing)? (?:of|about)|"
    r"thought (?:of|about)|plan(?:s|ned|ning)? to|what if|whether|instead of|possib\w*|option\w*|idea|"
    r"ask(?:s|ed)? for)\b",
    re.IGNORECASE,
)
_ENDS = frozenset(
    {"achieved", "cancelled", "canceled", "completed", "delivered", "finished", "fixed", "repaired", "resolved"}
    | {"settled", "signed", "solved"}
)
_LEAST_DIGITS = 2  # `one` is a number too, and stands for anything
# A question about a fact that is answered by yes or no; `isn't it` asks for nothing, `will you` for a deed.
_ASKS_WHETHER = re.compile(
    r"(?:(?:and|but|so|then|well),? )?(?:is|are|was|were|do|does|did|has|have|had|will) (?!you\b|not\b).*\?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_YES = re.compile(
    r"(?:(?:and|oh|well|um|uh|i think|i suppose|i guess),? )*"
    r"(?:yes|yeah|yep|yup|sure|right|exactly|indeed|certainly|definitely|absolutely|correct|true|of course|okay|ok|"
    r"agreed|fine|good|let['’]s|(?:i|we|he|she|it|they|there|that|this) "
    r"(?:is|are|was|were|do|does|did|has|have|had|will)(?=\s*(?:[,.!;]|$)))\b",
    re.IGNORECASE,
)
_REPLIES = 2  # sentences in which a yes may come
_LEAST_WORDS = 2  # of a statement that say something; one may be of any sentence
_SAME = 0.9  # of a statement's content words, in a question


class Proposals:
    """Knows which numbers stand in unsettled sentences only, which ends are spoken of, and what nobody said yes to."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def told_as_settled(self, statement: str) -> bool:
        """Tell whether a statement, without saying that it is open, names such a number, an end nobody spoke of, or is
        a question in other words: `The neighbours complained` of `Did they complain? – Two letters in a year.`
        """
        if self._source.language != "en" or _UNSETTLED.search(statement):
            return False
        ends = _ENDS & {token.key for token in tokens(statement)}
        settles = bool(Vocabulary([statement]).numbers & self._open) or not all(map(self._said.has, ends))
        return settles or self._was_only_asked(statement)

    def _was_only_asked(self, statement: str) -> bool:
        if len(content_words(statement)) < _LEAST_WORDS or statement.rstrip().endswith("?"):
            return False
        asked, told = self._asked_and_told
        share, _ = asked.best(statement)
        return share >= _SAME and told.best(statement)[0] < share

    @cached_property
    def _said(self) -> Vocabulary:
        return Vocabulary(segment.text for segment in self._source.segments)

    @cached_property
    def _asked_and_told(self) -> tuple[Passages, Passages]:
        """The sentences that ask whether something is so, without a yes behind them, and all others."""
        asked: list[str] = []
        told: list[str] = []
        sentences = self._source.sentences
        for at, sentence in enumerate(sentences):
            replies = sentences[at + 1 : at + 1 + _REPLIES]
            open_question = _ASKS_WHETHER.match(sentence) and not any(map(_YES.match, replies))
            (asked if open_question else told).append(sentence)
        return Passages(asked, reach=0), Passages(told, reach=0)

    @cached_property
    def _open(self) -> set[str]:
        open_numbers: set[str] = set()
        settled: set[str] = set()
        for sentence in self._source.sentences:
            numbers = {each for each in Vocabulary([sentence]).numbers if len(each) >= _LEAST_DIGITS}
            (open_numbers if _UNSETTLED.search(sentence) else settled).update(numbers)
        return open_numbers - settled
