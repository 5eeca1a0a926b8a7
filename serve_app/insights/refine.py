"""Puts names, fillers, punctuation and case of a transcript right, and nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from serve_app.errors import SpeechError
from serve_app.insights.decoding import Asker, ShapeT
from serve_app.insights.edits import Edit, allowed, doubtful_names, fillers, sure_names, without_conflicts
from serve_app.insights.settings import InsightsSettings
from serve_app.insights.shapes import EditShape, EditsShape, VersionShape
from serve_app.insights.templates import prompt
from serve_app.ports.language import ChatMessage, LanguageModel
from serve_app.ports.streaming import RefineContext

log = logging.getLogger("hark.insights")

_MOST_TERMS = 60
_LONGEST_TERM = 60  # characters
_LONGEST_CONTEXT = 600  # characters
_MOST_DOUBTS = 4  # of one run that the model is asked about
_NEARBY = 20  # words on either side that it is shown
_ENDS = ".?!…。？！।؟"


class EditRefiner:
    """Implements Refiner. Where the model fails or is not there, what needs no judgement is still done."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        settings: InsightsSettings | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """The model is asked only while it is `ready`."""
        self._settings = settings or InsightsSettings()
        self._asker = Asker(model=model, settings=self._settings)
        self._ready = ready

    def correct(self, text: str, *, language: str | None, context: RefineContext) -> str:
        words = text.split()
        return _written(words, _sure(words, language, terms_of(context))) or text

    async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
        """Return an utterance with its words in their order: only allowed edits change them."""
        words = text.split()
        return _written(words, await self._edits(words, language, context)) or text

    async def _edits(self, run: list[str], language: str | None, context: RefineContext) -> list[Edit]:
        """Return the edits of a run of words: those that are sure, and those that stand by the model's word."""
        terms = terms_of(context)
        sure = _sure(run, language, terms)
        if not self._ready():
            return sure
        # Looking for doubts takes tens of milliseconds where there are many terms, in which others must be served.
        doubts = await asyncio.to_thread(_doubts, run, terms, sure)
        about = {"terms": ", ".join(terms) or "none", "about": _about(context)}
        proposals, named = await asyncio.gather(self._proposals(run, about), self._names(run, doubts, about))
        proposed = (edit for each in proposals for edit in allowed(run, each, terms=terms, language=language))
        return without_conflicts([*sure, *named, *proposed])

    async def _names(self, run: Sequence[str], doubts: Sequence[Edit], about: Mapping[str, str]) -> list[Edit]:
        """Return those of the doubtful edits with which a run makes more sense."""
        verdicts = await asyncio.gather(*(self._makes_sense(run, edit, about) for edit in doubts))
        return [edit for edit, better in zip(doubts, verdicts, strict=True) if better]

    async def _makes_sense(self, run: Sequence[str], edit: Edit, about: Mapping[str, str]) -> bool:
        """Tell whether a run makes more sense with an edit, in whichever order the two are shown.

        A small model prefers the second version of almost everything.
        """
        first, last = max(edit.start - _NEARBY, 0), edit.end + _NEARBY
        heard = " ".join(run[first:last])
        named = " ".join([*run[first : edit.start], *edit.words, *run[edit.end : last]])
        task = prompt("version").fill(**about)
        asked = (f"A: {heard} B: {named}", f"A: {named} B: {heard}")
        answers = await asyncio.gather(*(self._judged(VersionShape, task, each, max_tokens=12) for each in asked))
        return [answer and answer.version for answer in answers] == ["B", "A"]

    async def _proposals(self, run: Sequence[str], about: Mapping[str, str]) -> list[EditShape]:
        if not _is_bare(run):
            return []
        task = prompt("refine").fill(**about)
        found = await self._judged(EditsShape, task, f"<text>\n{' '.join(run)}\n</text>", max_tokens=500)
        return found.edits if found else []

    async def _judged(self, shape: type[ShapeT], task: str, text: str, *, max_tokens: int) -> ShapeT | None:
        """Ask about a text; None where that fails.

        The task comes first: it is the same throughout a session, and an engine that keeps the computed prefix answers
        in a fifth of the time.
        """
        messages = (ChatMessage(role="system", content=task), ChatMessage(role="user", content=text))
        try:
            return await self._asker.judge(shape, messages, max_tokens=max_tokens)
        except SpeechError as fault:
            tell_unrefined(fault)
            return None


def tell_unrefined(fault: Exception) -> None:
    """Log by its code why words stay as they were heard: a fault's own words could quote what was said."""
    code = fault.error_code if isinstance(fault, SpeechError) else type(fault).__name__
    log.info(json.dumps({"event": "not_refined", "error_code": code}))


def terms_of(context: RefineContext) -> list[str]:
    """Return the names a context gives, longest first: its terms and the values of its facts."""
    given = [*context.terms, *(value for _, value in context.facts if len(value.split()) <= 4)]
    unique = dict.fromkeys(" ".join(term.split()) for term in given)
    fitting = (term for term in unique if 1 < len(term) <= _LONGEST_TERM)
    return sorted(fitting, key=lambda term: -len(term))[:_MOST_TERMS]


def _sure(words: Sequence[str], language: str | None, terms: Sequence[str]) -> list[Edit]:
    return without_conflicts([*fillers(words, language), *sure_names(words, terms)])


def _written(words: Sequence[str], edits: Iterable[Edit]) -> str:
    return " ".join(applied(words, edits))


def _about(context: RefineContext) -> str:
    facts = "; ".join(f"{key}: {value}" for key, value in context.facts)
    about = ". ".join(part for part in (context.text.strip(), facts) if part)
    return f"It is about: {about[:_LONGEST_CONTEXT]}" if about else ""


def _doubts(run: Sequence[str], terms: Sequence[str], sure: Sequence[Edit]) -> list[Edit]:
    """Return the names that the model is to judge; what is sure needs no judgement."""
    return [edit for edit in without_conflicts([*sure, *doubtful_names(run, terms)]) if edit not in sure][:_MOST_DOUBTS]


def _is_bare(run: Sequence[str]) -> bool:
    """Tell whether a run is long and without punctuation."""
    return len(run) > 8 and not any(word[-1:] in _ENDS + ",;" for word in run)


def applied(words: Sequence[str], edits: Iterable[Edit]) -> list[str]:
    """Return the words after edits that do not overlap. A mark behind a filler and a capital before it live on."""
    by_start = {edit.start: edit for edit in edits}
    pieces: list[str] = []
    at, capital = 0, False
    while at < len(words):
        edit = by_start.get(at)
        end = edit.end if edit else at + 1
        new = edit.words if edit else (words[at],)
        if not new:
            opens = not pieces or pieces[-1][-1:] in _ENDS
            capital = capital or (opens and words[at][:1].isupper())
            _close(pieces, words[end - 1][-1:])
        for text in new:
            pieces.append(text[:1].upper() + text[1:] if capital else text)
            capital = False
        at = end
    return pieces


def _close(pieces: list[str], mark: str) -> None:
    """Give a sentence end that stood behind a filler to the word before it."""
    if pieces and mark in _ENDS and mark and pieces[-1][-1:] not in _ENDS:
        pieces[-1] = pieces[-1].rstrip(",;:") + mark
