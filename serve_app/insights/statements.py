"""What a sentence must have to be told by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from serve_app.insights.source import sentences_of
from serve_app.insights.vocabulary import content_words, tokens

_LEAST_WORDS = 2  # that say something, in a statement
# English words with which no statement begins or ends, and others that end none.
_GO_ON = frozenset({"and", "or", "than", "of", "who", "which", "whom", "whose"})
_LEAD_ON = frozenset({"a", "an", "the", "but", "because", "if", "is", "was", "are", "were"})
_SUBORDINATE = re.compile(
    r"(?:as(?! an?\b| of\b| for\b)|although|because|if|though|unless|when|while)\b[^,;:]*$", re.IGNORECASE
)
_OPEN_END = re.compile(r"\b(?:at|by|for|from|in|into|on|that|to|with)$|[,;:]$", re.IGNORECASE)  # without a full stop
_AMONG_NAMES = frozenset({"and", "or", "of", "the", "in", "at", "by", "for", "to"})
# English words that begin a sentence which goes on from the one before it, or speaks of what that one named.
_LEANING_WORDS = """
and also are but for had has have he her here his is it its nor or she such than that their then these they this those
was were when where which who whose
"""
_LEANING = frozenset(_LEANING_WORDS.split())
# Others stand behind the first word or two: `all of which`, `put this in a pot`, `when it is one`.
_LEANS_LATER = re.compile(
    r"(?:\w+ )?(?:at|by|for|from|in|of|on|to|with) wh(?:ich|om|ose)\b|\w+ (?:it|him|them)\b|"
    r"\w+ (?:this|these) (?:and|at|for|in|into|on|to|with)\b",
    re.IGNORECASE,
)


def is_statement(text: str, *, language: str | None) -> bool:
    """Tell a statement from a question and from a piece of speech that was copied as it broke off."""
    asks = any(sentence.rstrip().endswith("?") for sentence in sentences_of(text))
    if asks or len(content_words(text)) < _LEAST_WORDS:
        return False
    if language != "en":
        return True
    words = [token.key for token in tokens(text)]
    begins_or_ends_inside = words[0] in _GO_ON or words[-1] in _GO_ON | _LEAD_ON
    plain = text.strip()
    return not (begins_or_ends_inside or _OPEN_END.search(plain) or _SUBORDINATE.match(plain) or _only_names(plain))


def leans(text: str, *, language: str | None, cased: bool = True) -> bool:
    """Tell whether a sentence needs the one before it, or is its end: `It was here that dinners were arranged.`

    `cased`: whether sentences begin with a capital letter where this one comes from.
    """
    first = next((token.key for token in tokens(text)), "")
    goes_on = cased and text[:1].islower()
    return goes_on or (language == "en" and (first in _LEANING or _LEANS_LATER.match(text) is not None))


def are_cased(sentences: Sequence[str]) -> bool:
    """Tell whether at most half of some sentences begin with a small letter."""
    return 2 * sum(sentence[:1].islower() for sentence in sentences) <= len(sentences)


def _only_names(text: str) -> bool:
    """Tell whether all words have capital letters, as in `London, Longman and Co.`, where none has all of them."""
    plain = (token.key for token in tokens(text) if text[token.start].islower())
    return not text.isupper() and all(word in _AMONG_NAMES for word in plain)
