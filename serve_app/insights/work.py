"""One request's work on one text: its windows, its vocabulary, and the model that is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from serve_app.insights.attribution import Attribution
from serve_app.insights.decoding import Asker, Shape
from serve_app.insights.negations import Negations
from serve_app.insights.passages import Passages
from serve_app.insights.proposals import Proposals
from serve_app.insights.quotes import QuoteFinder
from serve_app.insights.relations import Relations
from serve_app.insights.settings import InsightsSettings
from serve_app.insights.source import SourceSegment, SourceText
from serve_app.insights.splices import Splices
from serve_app.insights.templates import prompt
from serve_app.insights.vocabulary import Vocabulary, content_words
from serve_app.insights.windows import Window, clock, windows_of
from serve_app.ports.text_tools import Grammar
from serve_app.transcript.languages import LANGUAGES

OnProgress = Callable[[float], None]  # is told the share that is done, 0..1

T = TypeVar("T")
ShapeT = TypeVar("ShapeT", bound=Shape)

_PROMPT_TOKENS = 500  # of the system message, the longest task and the chat template
_TOLD = 0.25  # of a statement's content words, in a segment that is cited for it
_SUPPORT = 0.5  # of an item's content words must be in the segments it cites


@dataclass(frozen=True, kw_only=True)
class Work:
    """`language` is that of the answer; `source.language` that of the text, None where nobody knows."""

    source: SourceText
    asker: Asker
    language: str | None = None
    progress: OnProgress | None = None
    grammar: Grammar | None = None
    _windows: list[Window] = field(default_factory=list, init=False, repr=False)
    _vocabularies: dict[int, Vocabulary] = field(default_factory=dict, init=False, repr=False)
    _windows_lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    @property
    def settings(self) -> InsightsSettings:
        return self.asker.settings

    @property
    def same_language(self) -> bool:
        return self.language is None or self.language == self.source.language

    @property
    def write_in(self) -> str:
        """Return the sentence of a task that says in which language to answer."""
        name = LANGUAGES.get(self.language or "", "")
        return f"Write in {name.title()}." if name else "Write in the language of the text."

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the text, its speakers and its times."""
        segments = self.source.segments
        speakers = {segment.speaker for segment in segments if segment.speaker}
        times = {clock(segment.start_s) for segment in segments if segment.start_s is not None}
        return Vocabulary([*(segment.text for segment in segments), *speakers, *times], language=self.source.language)

    @cached_property
    def attribution(self) -> Attribution:
        return Attribution(self.source)

    @cached_property
    def proposals(self) -> Proposals:
        return Proposals(self.source)

    @cached_property
    def passages(self) -> Passages:
        return Passages(segment.text for segment in self.source.segments)

    @cached_property
    def negations(self) -> Negations:
        return Negations(self.source)

    @cached_property
    def relations(self) -> Relations:
        return Relations(self.source)

    @cached_property
    def splices(self) -> Splices:
        return Splices(self.source)

    @cached_property
    def quotes(self) -> QuoteFinder:
        return QuoteFinder(self.source)

    async def windows(self) -> list[Window]:
        """Return the text's windows: the same for every task, so that their prefixes are computed once."""
        async with self._windows_lock:
            if not self._windows:
                self._windows.extend(await self._make_windows())
            return self._windows

    async def _make_windows(self) -> list[Window]:
        room = await self.asker.model.context_tokens() - self.settings.answer_tokens - _PROMPT_TOKENS
        size = max(min(self.settings.window_tokens, room), 64)
        overlap = min(self.settings.overlap_tokens, size // 8)
        return await windows_of(self.source, self.asker.model, window_tokens=size, overlap_tokens=overlap)

    async def over_windows(
        self, name: str, shape: type[ShapeT], *, max_tokens: int | None = None, **values: str
    ) -> list[ShapeT]:
        """Give one task on every window; return the answers in the windows' order."""
        windows = await self.windows()
        task = self.task(name, **values)
        return await self.all_of(self.asker.fill(shape, window.text, task, max_tokens=max_tokens) for window in windows)

    def task(self, name: str, **values: str) -> str:
        return prompt(name).fill(write_in=self.write_in, **values)

    async def all_of(self, calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Run calls together and return their results in order; the first fault stops the others."""
        tasks = [asyncio.ensure_future(call) for call in calls]
        done = 0

        def count(_: object) -> None:
            nonlocal done
            done += 1
            if self.progress is not None:
                self.progress(done / len(tasks))

        for task in tasks:
            task.add_done_callback(count)
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def whole(self, items: Sequence[T], *, text: Callable[[T], str]) -> list[T]:
        """Return the items with a main clause, or all where none has one or nobody can tell."""
        if self.grammar is None or self.language not in self.grammar.languages:
            return list(items)
        are_whole = await asyncio.to_thread(self.grammar.are_statements, [text(item) for item in items])
        return [item for item, is_whole in zip(items, are_whole, strict=True) if is_whole] or list(items)

    def cited(self, statement: str, orders: Sequence[int]) -> list[int]:
        """Return the segments that bear a statement: those it cites, or, where they do not, those that do.

        Empty: nothing does, the statement is to be dropped. Between languages only the citation counts.
        """
        known = self.source.known(list(orders))
        if not statement.strip() or not known:
            return []
        if not self.same_language:
            return known
        if self.vocabulary.invented(statement) or not self.attribution.holds(statement):
            return []
        if (
            self.proposals.told_as_settled(statement)
            or self.negations.turned(statement)
            or self.splices.made(statement)
        ):
            return []
        if self.bears(statement, known):
            return self._telling(statement, known)
        elsewhere = self._best(statement)
        return elsewhere if elsewhere and self.bears(statement, elsewhere) else []

    def bears(self, statement: str, orders: list[int]) -> bool:
        """Tell whether some segments, or those next to them, have half of a statement's content words."""
        nearby = {each for order in orders for each in self.source.around(order, before=1, after=1)}
        return self.has(statement, nearby)

    def has(self, statement: str, segments: Iterable[SourceSegment], *, share: float = _SUPPORT) -> bool:
        """Tell whether some segments have such a share of a statement's content words; True between languages."""
        return not self.same_language or self.share(content_words(statement), segments) >= share

    def share(self, words: Sequence[str], segments: Iterable[SourceSegment]) -> float:
        """Return how many of some words, 0..1, some segments have; 1 of no words."""
        vocabularies = [self.words_of(each) for each in segments]
        borne = sum(any(each.has(word) for each in vocabularies) for word in words)
        return borne / len(words) if words else 1.0

    def _telling(self, statement: str, orders: list[int]) -> list[int]:
        """Return those of the segments that say a part of a statement themselves, or those of their neighbours.

        Small models cite whole stretches, and the segment beside the one they mean.
        """
        words = content_words(statement)
        for reach in (0, 1):
            near = {each.order: each for at in orders for each in self.source.around(at, before=reach, after=reach)}
            if telling := [at for at in sorted(near) if self.share(words, [near[at]]) >= _TOLD]:
                return telling
        return orders

    def words_of(self, segment: SourceSegment) -> Vocabulary:
        """Return the words of one segment."""
        return self._vocabularies.setdefault(segment.order, Vocabulary([segment.text]))

    def _best(self, statement: str) -> list[int]:
        """Return the segment with the most of a statement's words."""
        words = set(content_words(statement))
        best = max(self._by_segment, key=lambda each: len(words & each[1]), default=None)
        return [best[0]] if best is not None and words & best[1] else []

    @cached_property
    def _by_segment(self) -> list[tuple[int, set[str]]]:
        return [(segment.order, set(content_words(segment.text))) for segment in self.source.segments]

    def start_of(self, orders: Sequence[int]) -> float | None:
        """Return when the first of some segments begins."""
        segment = self.source.get(orders[0]) if orders else None
        return segment.start_s if segment else None

    def speaker_of(self, order: int) -> str | None:
        segment = self.source.get(order)
        return segment.speaker if segment else None
