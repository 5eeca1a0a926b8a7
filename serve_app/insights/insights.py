"""Everything that can be asked about a text or a transcript, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from serve_app.errors import InternalError
from serve_app.insights.analyze import analysis_of
from serve_app.insights.chat import Exchange, FoundPassage, answer_to
from serve_app.insights.decoding import Asker
from serve_app.insights.generate import generated
from serve_app.insights.kept import KeptAnswers
from serve_app.insights.redact import redacted_transcript, redaction_of
from serve_app.insights.results import (
    Analysis,
    AnalysisType,
    Answer,
    Generated,
    GenerateType,
    Redaction,
    Result,
    Style,
    Summary,
)
from serve_app.insights.settings import InsightsSettings
from serve_app.insights.source import SourceText
from serve_app.insights.summarize import summary_of
from serve_app.insights.work import OnProgress, Work
from serve_app.ports.language import LanguageGuesser, LanguageModel, TextDelta
from serve_app.ports.text_tools import TextTools
from serve_app.transcript.model import Transcript

ResultT = TypeVar("ResultT", bound=Result)

_GUESSED_ON = 2_000  # characters


class Insights:
    """Answers from one language model and the classic tools. Holds no state but `kept`, see Asker.

    Each `stream_…` yields text as it is written and its whole result last; closing it stops the model. `language` is
    that of the answer, an ISO 639-1 code; None is the text's own. Every method raises what a LanguageModel does.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        tools: TextTools | None = None,
        guesser: LanguageGuesser | None = None,
        settings: InsightsSettings | None = None,
        kept: KeptAnswers | None = None,
    ) -> None:
        self._model = model
        self._tools = tools or TextTools()
        self._guesser = guesser
        self._settings = settings or InsightsSettings()
        self._kept = kept

    def afresh(self) -> Insights:
        """Return the same, but for nothing kept: every question goes to the model."""
        return Insights(self._model, tools=self._tools, guesser=self._guesser, settings=self._settings)

    async def summarize(
        self,
        source: SourceText,
        *,
        style: Style = "brief",
        language: str | None = None,
        request_id: str = "",
        progress: OnProgress | None = None,
    ) -> Summary:
        work = self._work(source, language, request_id, progress)
        return await _last(summary_of(work, style), Summary)

    def stream_summary(
        self, source: SourceText, *, style: Style = "brief", language: str | None = None, request_id: str = ""
    ) -> AsyncGenerator[TextDelta | Summary, None]:
        return summary_of(self._work(source, language, request_id, None), style)

    async def analyze(
        self,
        source: SourceText,
        *,
        kind: AnalysisType,
        language: str | None = None,
        request_id: str = "",
        progress: OnProgress | None = None,
    ) -> Analysis:
        return await analysis_of(self._work(source, language, request_id, progress), kind, self._tools)

    async def redact(self, source: SourceText, *, request_id: str = "") -> Redaction:
        """Return a text without personal data, segment by segment."""
        return await redaction_of(self._work(source, None, request_id, None), self._tools)

    async def redact_transcript(self, transcript: Transcript, *, request_id: str = "") -> Transcript:
        """Return a transcript without personal data: words are replaced, their times and speakers stay."""
        source = SourceText.from_transcript(transcript)
        return await redacted_transcript(self._work(source, None, request_id, None), self._tools, transcript)

    async def generate(
        self,
        source: SourceText,
        *,
        kind: GenerateType,
        prompt: str = "",
        language: str | None = None,
        request_id: str = "",
        progress: OnProgress | None = None,
    ) -> Generated:
        """Make something of a text; `prompt` is a wish about its style."""
        return await _last(generated(self._work(source, language, request_id, progress), kind, prompt), Generated)

    def stream_generated(
        self,
        source: SourceText,
        *,
        kind: GenerateType,
        prompt: str = "",
        language: str | None = None,
        request_id: str = "",
    ) -> AsyncGenerator[TextDelta | Generated, None]:
        return generated(self._work(source, language, request_id, None), kind, prompt)

    async def answer(
        self,
        question: str,
        found: Sequence[FoundPassage],
        history: Sequence[Exchange] = (),
        *,
        language: str | None = None,
        request_id: str = "",
    ) -> Answer:
        """Answer from what a search found; `language` is the transcript's."""
        return await _last(answer_to(self._asker(request_id), question, found, history, language=language), Answer)

    def stream_answer(
        self,
        question: str,
        found: Sequence[FoundPassage],
        history: Sequence[Exchange] = (),
        *,
        language: str | None = None,
        request_id: str = "",
    ) -> AsyncGenerator[TextDelta | Answer, None]:
        return answer_to(self._asker(request_id), question, found, history, language=language)

    def _work(self, source: SourceText, language: str | None, request_id: str, progress: OnProgress | None) -> Work:
        if source.language is None and self._guesser is not None and source.segments:
            source = replace(source, language=self._guesser.guess(source.text[:_GUESSED_ON]))
        return Work(
            source=source,
            asker=self._asker(request_id),
            language=language or source.language,
            progress=progress and _rising(progress),
            grammar=self._tools.grammar,
        )

    def _asker(self, request_id: str) -> Asker:
        slots = asyncio.Semaphore(self._settings.calls_at_once)
        return Asker(model=self._model, settings=self._settings, request_id=request_id, kept=self._kept, slots=slots)


def _rising(progress: OnProgress) -> OnProgress:
    """Pass on what is more than before: work in several rounds begins each at nothing."""
    told = 0.0

    def report(done: float) -> None:
        nonlocal told
        if done > told:
            told = done
            progress(done)

    return report


async def _last(events: AsyncGenerator[TextDelta | ResultT, None], kind: type[ResultT]) -> ResultT:
    """Return the result that ends a stream."""
    result: ResultT | None = None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, kind):
                result = event
    if result is None:
        raise InternalError("The text features gave no result.")
    return result
