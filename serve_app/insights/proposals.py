"""What is open: amounts and dates only wished for, ends nobody spoke of. None is told as settled. English only."""

from __future__ import annotations

import re
from functools import cached_property

from serve_app.insights.source import SourceText, sentences_of
from serve_app.insights.vocabulary import Vocabulary, tokens

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


class Proposals:
    """Knows which numbers of a text stand in unsettled sentences only, and which ends it speaks of."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def told_as_settled(self, statement: str) -> bool:
        """Tell whether a statement, without saying that it is open, names such a number or an end nobody spoke of."""
        if self._source.language != "en" or _UNSETTLED.search(statement):
            return False
        ends = _ENDS & {token.key for token in tokens(statement)}
        return bool(Vocabulary([statement]).numbers & self._open) or not all(map(self._said.has, ends))

    @cached_property
    def _said(self) -> Vocabulary:
        return Vocabulary(segment.text for segment in self._source.segments)

    @cached_property
    def _open(self) -> set[str]:
        open_numbers: set[str] = set()
        settled: set[str] = set()
        for segment in self._source.segments:
            for sentence in sentences_of(segment.text):
                numbers = {each for each in Vocabulary([sentence]).numbers if len(each) >= _LEAST_DIGITS}
                (open_numbers if _UNSETTLED.search(sentence) else settled).update(numbers)
        return open_numbers - settled
