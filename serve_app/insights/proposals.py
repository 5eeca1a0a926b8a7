"""Amounts and dates that somebody only wished for or weighed, so that none is told as settled. English only."""

from __future__ import annotations

import re
from functools import cached_property

from serve_app.insights.source import SourceText, sentences_of
from serve_app.insights.vocabulary import Vocabulary

_UNSETTLED = re.compile(
    r"\b(?:want(?:s|ed|ing)? to|(?:would|i['’]d|we['’]d) like(?! you\b)|could(?! you\b)|might|(?-i:may)|perhaps|maybe|"
    r"wish(?:es|ed)?|hop(?:es?|ed|ing)|propos\w*|suggest\w*|consider\w*|discuss\w*|think(?:s|ing)? (?:of|about)|"
    r"thought (?:of|about)|plan(?:s|ned|ning)? to|what if|whether|instead of|possib\w*|option\w*|idea|"
    r"ask(?:s|ed)? for)\b",
    re.IGNORECASE,
)
_LEAST_DIGITS = 2  # `one` is a number too, and stands for anything


class Proposals:
    """Knows which numbers of a text stand in unsettled sentences only."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def told_as_settled(self, statement: str) -> bool:
        """Tell whether a statement names such a number and leaves out that it is open."""
        if self._source.language != "en" or _UNSETTLED.search(statement):
            return False
        return bool(Vocabulary([statement]).numbers & self._open)

    @cached_property
    def _open(self) -> set[str]:
        open_numbers: set[str] = set()
        settled: set[str] = set()
        for segment in self._source.segments:
            for sentence in sentences_of(segment.text):
                numbers = {each for each in Vocabulary([sentence]).numbers if len(each) >= _LEAST_DIGITS}
                (open_numbers if _UNSETTLED.search(sentence) else settled).update(numbers)
        return open_numbers - settled
