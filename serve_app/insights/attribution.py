"""Who said what: whether a statement that names a speaker stands on that speaker's own words."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from itertools import combinations, pairwise

from serve_app.insights.persons import spoken_to
from serve_app.insights.source import SourceText, sentences_of
from serve_app.insights.vocabulary import Vocabulary, content_words, tokens

_SUPPORT = 0.5  # of a statement's content words must be the named speakers'
_REQUEST = re.compile(r"\b(?:please|can you|could you|will you|would you|you (?:should|must|need to|have to))\b", re.I)
_PROMISE = re.compile(
    r"\b(?:will|shall|should|must|ha(?:s|ve) to|needs? to|is to|are to|going to|promis\w+|agree[sd]? to|"
    r"offer(?:s|ed)? to|plans? to|responsible|tasked|assigned)\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;:]\s+(?:(?:and|or|but|which|who|why)\s+)?|\s+(?:and|or|but|which|who)\s+", re.I)
_COPIED = 6  # words in a row that are nobody else's
_QUESTION = re.compile(r"\b(?:ask(?:s|ed)?|wonder(?:s|ed)?) (?:if|whether|how|what|why|when|who|where|which)\b", re.I)


class Attribution:
    """Knows what each speaker said, and what each was asked just before speaking."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def holds(self, statement: str) -> bool:
        """Tell whether a statement is right in whom it names, and does not run from one speaker's words into another's.

        A speaker who is called by a name answers to it. What a speaker will do is not what that speaker asked others,
        and what a speaker asks is not what others asked that speaker.
        """
        if any(map(self._runs_on, sentences_of(statement))):
            return False
        found = [(name, speakers) for name, speakers in self._names.items() if _pattern(name).search(statement)]
        named = {speaker for _, speakers in found for speaker in speakers}
        if not named:
            return True
        for name, _ in found:
            statement = _pattern(name).sub(" ", statement)
        said = self._taken_on if _PROMISE.search(statement) else self._said
        if _QUESTION.search(statement):
            said, statement = self._asked, _QUESTION.sub(" ", statement)
        words = content_words(statement)
        borne = sum(any(said[speaker].has(word) for speaker in named) for word in words)
        return borne >= _SUPPORT * len(words)

    def _runs_on(self, sentence: str) -> bool:
        """Tell whether a sentence has clauses word for word from different speakers, as small models copy them."""
        clauses = [_in_a_row(clause) for clause in _CLAUSE_END.split(sentence) if len(tokens(clause)) >= _COPIED]
        said_by = [{each for each, words in self._in_a_row.items() if clause in words} for clause in clauses]
        return any(one.isdisjoint(other) for one, other in combinations(filter(None, said_by), 2))

    @cached_property
    def _in_a_row(self) -> dict[str, str]:
        """The words of each speaker, one after the other."""
        texts: dict[str, list[str]] = defaultdict(list)
        for segment in self._source.segments:
            if segment.speaker:
                texts[segment.speaker].append(segment.text)
        return {speaker: _in_a_row(" ".join(said)) for speaker, said in texts.items()}

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        """The speakers whom each name may mean: a label its speaker, a name in an address whoever speaks next."""
        segments = self._source.segments
        names = {each.speaker: {each.speaker} for each in segments if each.speaker}
        for segment, after in pairwise(segments):
            for name in spoken_to(segment.text):
                if after.speaker and after.speaker != segment.speaker:
                    names.setdefault(name, set()).add(after.speaker)
        return names

    @cached_property
    def _said(self) -> dict[str, Vocabulary]:
        """The words of each speaker and of whom each answers."""
        texts: dict[str, list[str]] = defaultdict(list)
        before = ""
        for segment in self._source.segments:
            if segment.speaker:
                texts[segment.speaker] += [before, segment.text]
            before = segment.text
        return {speaker: Vocabulary(said) for speaker, said in texts.items()}

    @cached_property
    def _asked(self) -> dict[str, Vocabulary]:
        """The words of each speaker's own questions."""
        texts: dict[str, list[str]] = defaultdict(list)
        for segment in self._source.segments:
            if segment.speaker:
                texts[segment.speaker] += [each for each in sentences_of(segment.text) if "?" in each]
        return {speaker: Vocabulary(said) for speaker, said in texts.items()}

    @cached_property
    def _taken_on(self) -> dict[str, Vocabulary]:
        """The words of each speaker, requests to others left out, and of the requests that each answers."""
        texts: dict[str, list[str]] = defaultdict(list)
        asked: list[str] = []
        asker: str | None = None
        for segment in self._source.segments:
            requests = [each for each in sentences_of(segment.text) if _REQUEST.search(each)]
            if segment.speaker:
                texts[segment.speaker] += [each for each in sentences_of(segment.text) if each not in requests]
                texts[segment.speaker] += asked if segment.speaker != asker else []
            asked, asker = requests, segment.speaker
        return {speaker: Vocabulary(said) for speaker, said in texts.items()}


def _in_a_row(text: str) -> str:
    return f" {' '.join(token.key for token in tokens(text))} "


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
