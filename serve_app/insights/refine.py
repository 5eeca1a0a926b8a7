"""Puts names, fillers, punctuation and case of a transcript right, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby

from serve_app.errors import SpeechError
from serve_app.insights.decoding import Asker
from serve_app.insights.edits import Edit, allowed, doubtful_names, fillers, sure_names, without_conflicts
from serve_app.insights.settings import InsightsSettings
from serve_app.insights.shapes import EditShape, EditsShape
from serve_app.insights.templates import prompt
from serve_app.ports.language import LanguageModel
from serve_app.ports.streaming import RefineContext
from serve_app.transcript.model import Segment, Transcript, Word, join_words

_MOST_TERMS = 60
_LONGEST_CONTEXT = 600  # characters
_ENDS = ".?!…。？！।؟"


class EditRefiner:
    """Implements Refiner. Where the model fails, what needs no judgement is still done."""

    def __init__(self, model: LanguageModel, *, settings: InsightsSettings | None = None) -> None:
        self._settings = settings or InsightsSettings()
        self._asker = Asker(model=model, settings=self._settings)

    async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
        """Return an utterance with its words in their order: only allowed edits change them."""
        words = text.split()
        (edits,) = await self._edits([words], language, context)
        return " ".join(piece.text for piece in applied(words, edits))

    async def refine_transcript(self, transcript: Transcript, *, context: RefineContext) -> Transcript:
        """Return the transcript with its words edited; every word keeps its time and speaker.

        Segments of which nothing is left are left out. Words without blanks between them stay as they are.
        """
        runs = [[word.text for word in segment.words] for segment in transcript.segments]
        batches = _batches(runs, self._settings.refine_words)
        calls = (
            self._edits(batch, transcript.segments[first].language or transcript.language, context)
            for first, batch in batches
        )
        edits = [each for batch in await asyncio.gather(*calls) for each in batch]
        segments = (edited(segment, each) for segment, each in zip(transcript.segments, edits, strict=True))
        return replace(transcript, segments=tuple(segment for segment in segments if segment.words))

    async def _edits(self, runs: Sequence[list[str]], language: str | None, context: RefineContext) -> list[list[Edit]]:
        """Return the edits of each run of words: those that are sure, and those the model proposes and that stand."""
        terms = terms_of(context)
        sure = [[*fillers(run, language), *sure_names(run, terms)] for run in runs]
        proposals = await self._proposals(runs, terms, context) if any(_needs(run, terms) for run in runs) else []
        return [
            without_conflicts(
                [
                    *first,
                    *(edit for each in proposals for edit in allowed(run, each, terms=terms, language=language)),
                ]
            )
            for run, first in zip(runs, sure, strict=True)
        ]

    async def _proposals(
        self, runs: Sequence[list[str]], terms: Sequence[str], context: RefineContext
    ) -> list[EditShape]:
        text = "\n".join(" ".join(run) for run in runs)
        task = prompt("refine").fill(terms=", ".join(terms) or "none", about=_about(context))
        try:
            return (await self._asker.fill(EditsShape, text, task, max_tokens=500)).edits
        except SpeechError:
            return []


def terms_of(context: RefineContext) -> list[str]:
    """Return the names a context gives, longest first: its terms and the values of its facts."""
    given = [*context.terms, *(value for _, value in context.facts if len(value.split()) <= 4)]
    unique = dict.fromkeys(" ".join(term.split()) for term in given)
    return sorted((term for term in unique if len(term) > 1), key=lambda term: -len(term))[:_MOST_TERMS]


def _about(context: RefineContext) -> str:
    facts = "; ".join(f"{key}: {value}" for key, value in context.facts)
    about = ". ".join(part for part in (context.text.strip(), facts) if part)
    return f"It is about: {about[:_LONGEST_CONTEXT]}" if about else ""


def _needs(run: Sequence[str], terms: Sequence[str]) -> bool:
    """Tell whether a run is worth a call: it may hold a misheard name, or it is long and bare of punctuation."""
    bare = len(run) > 8 and not any(word[-1:] in _ENDS + ",;" for word in run)
    return bare or doubtful_names(run, terms)


def _batches(runs: Sequence[list[str]], most_words: int) -> list[tuple[int, Sequence[list[str]]]]:
    """Return runs in groups of about so many words, with the index of each group's first."""
    batches: list[tuple[int, Sequence[list[str]]]] = []
    first, count = 0, 0
    for at, run in enumerate(runs):
        if count and count + len(run) > most_words:
            batches.append((first, runs[first:at]))
            first, count = at, 0
        count += len(run)
    if first < len(runs):
        batches.append((first, runs[first:]))
    return batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A word after editing, and the words `first` to `last` that it stands for."""

    text: str
    first: int
    last: int


def applied(words: Sequence[str], edits: Iterable[Edit]) -> list[Piece]:
    """Return the words after edits that do not overlap. A mark behind a filler and a capital before it live on."""
    by_start = {edit.start: edit for edit in edits}
    pieces: list[Piece] = []
    at, capital = 0, False
    while at < len(words):
        edit = by_start.get(at)
        end = edit.end if edit else at + 1
        new = edit.words if edit else (words[at],)
        if not new:
            opens = not pieces or pieces[-1].text[-1:] in _ENDS
            capital = capital or (opens and words[at][:1].isupper())
            _close(pieces, words[end - 1][-1:])
        for n, text in enumerate(new):
            alone = len(new) == end - at
            first, last = (at + n, at + n) if alone else (at, end - 1)
            pieces.append(Piece(text=text[:1].upper() + text[1:] if capital else text, first=first, last=last))
            capital = False
        at = end
    return pieces


def _close(pieces: list[Piece], mark: str) -> None:
    """Give a sentence end that stood behind a filler to the word before it."""
    if pieces and mark in _ENDS and mark and pieces[-1].text[-1:] not in _ENDS:
        last = pieces[-1]
        pieces[-1] = replace(last, text=last.text.rstrip(",;:") + mark)


def edited(segment: Segment, edits: list[Edit]) -> Segment:
    """Return a segment after its edits; the words of an edit share its time by their length."""
    if not edits or not all(word.space_before for word in segment.words[1:]):
        return segment
    pieces = applied([word.text for word in segment.words], edits)
    words: list[Word] = []
    for (first, last), group in groupby(pieces, key=lambda piece: (piece.first, piece.last)):
        words += _shared(segment.words[first : last + 1], [piece.text for piece in group])
    return replace(segment, words=tuple(words), text=join_words(tuple(words)))


def _shared(old: Sequence[Word], texts: Sequence[str]) -> list[Word]:
    per_letter_s = (old[-1].end_s - old[0].start_s) / sum(map(len, texts))
    cuts_s = [old[0].start_s + per_letter_s * letters for letters in accumulate(map(len, texts[:-1]), initial=0)]
    ends_s = [*cuts_s[1:], old[-1].end_s]
    return [
        replace(old[0], text=text, start_s=start_s, end_s=end_s)
        for text, start_s, end_s in zip(texts, cuts_s, ends_s, strict=True)
    ]
