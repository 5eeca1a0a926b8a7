"""What can be asked about a text, whether it was sent or is a stored transcript: run, streamed, and as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from serve_app.admission.gate import Ticket
from serve_app.api.hang_up import stopped
from serve_app.api.sse import sse
from serve_app.api.text.bodies import AnalyzeBody, GenerateBody, SummarizeBody
from serve_app.insights.insights import Insights
from serve_app.insights.results import AnalysisType, Generated, GenerateType, Style, Summary
from serve_app.insights.source import SourceText
from serve_app.insights.templates import fingerprint
from serve_app.ports.language import TextDelta

Done = Callable[[dict[str, Any]], Awaitable[None]]

_ITEMS_OF = {"key_quotes": "quotes", "flashcards": "flashcards", "quiz": "quiz", "chapter_markers": "chapters"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A summary, an analysis, or a text made of the text."""

    what: Literal["summary", "analysis", "generated"]
    style: Style = "brief"
    analysis: AnalysisType = "topics"
    generate: GenerateType = "show_notes"
    prompt: str = ""
    language: str | None = None

    def key(self, model: str) -> str:
        """Return what results are kept under; other prompts or another model give another one."""
        kind = {"summary": self.style, "analysis": self.analysis, "generated": self.generate}[self.what]
        wish = sha256(self.prompt.encode("utf-8", "replace")).hexdigest()[:16] if self.prompt else ""
        return f"{self.what}:{kind}:{self.language or ''}:{wish}:{model}:{fingerprint()}"


def summary_asked(body: SummarizeBody) -> Asked:
    return Asked(what="summary", style=body.wanted_style(), language=body.answer_language())


def analysis_asked(body: AnalyzeBody) -> Asked:
    return Asked(what="analysis", analysis=body.wanted_type(), language=body.answer_language())


def generated_asked(body: GenerateBody) -> Asked:
    return Asked(
        what="generated", generate=body.wanted_type(), prompt=body.prompt.strip(), language=body.answer_language()
    )


async def answered(
    asked: Asked, insights: Insights, source: SourceText, *, model: str, request_id: str
) -> dict[str, Any]:
    """Return the whole answer as JSON."""
    if asked.what == "analysis":
        return await _analysis(asked, insights, source, model=model, request_id=request_id)
    if asked.what == "summary":
        summary = await insights.summarize(source, style=asked.style, language=asked.language, request_id=request_id)
        return _view(summary, model)
    made = await insights.generate(
        source, kind=asked.generate, prompt=asked.prompt, language=asked.language, request_id=request_id
    )
    return _view(made, model)


async def messages_of(
    asked: Asked, insights: Insights, source: SourceText, *, model: str, request_id: str, ticket: Ticket, done: Done
) -> AsyncGenerator[bytes, None]:
    """Yield events: `delta` with text, or `progress` of an analysis, and at the end `done` with the whole answer."""
    if asked.what == "analysis":
        async with aclosing(_analysis_events(asked, insights, source, model=model, request_id=request_id)) as events:
            async for event in events:
                if isinstance(event, float):
                    yield sse({"done": round(event, 3)}, event="progress")
                else:
                    await done(event)
                    yield sse(event, event="done")
        return
    async with aclosing(_written(asked, insights, source, request_id=request_id)) as pieces:
        async for piece in pieces:
            if isinstance(piece, TextDelta):
                ticket.answered = True
                yield sse({"text": piece.text}, event="delta")
            else:
                view = _view(piece, model)
                await done(view)
                yield sse(view, event="done")


def _written(
    asked: Asked, insights: Insights, source: SourceText, *, request_id: str
) -> AsyncGenerator[TextDelta | Summary, None] | AsyncGenerator[TextDelta | Generated, None]:
    if asked.what == "summary":
        return insights.stream_summary(source, style=asked.style, language=asked.language, request_id=request_id)
    return insights.stream_generated(
        source, kind=asked.generate, prompt=asked.prompt, language=asked.language, request_id=request_id
    )


async def _analysis(
    asked: Asked,
    insights: Insights,
    source: SourceText,
    *,
    model: str,
    request_id: str,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    result = await insights.analyze(
        source, kind=asked.analysis, language=asked.language, request_id=request_id, progress=progress
    )
    return {"type": asked.analysis, "result": result.model_dump(mode="json", exclude={"type"}), "model": model}


async def _analysis_events(
    asked: Asked, insights: Insights, source: SourceText, *, model: str, request_id: str
) -> AsyncGenerator[float | dict[str, Any], None]:
    """Yield the shares that are done, and the answer last."""
    told: asyncio.Queue[float | None] = asyncio.Queue()
    working = asyncio.create_task(
        _analysis(asked, insights, source, model=model, request_id=request_id, progress=told.put_nowait)
    )
    working.add_done_callback(lambda _: told.put_nowait(None))
    try:
        while (share := await told.get()) is not None:
            yield share
        yield working.result()
    finally:
        await stopped(working)


def _view(result: Summary | Generated, model: str) -> dict[str, Any]:
    """Return a result as JSON. Lists that are empty and not what was asked for are left out."""
    view = result.model_dump(mode="json")
    asked = _ITEMS_OF.get(view.get("type", "")) or {"action_items": "action_items", "bullet_points": "points"}.get(
        view.get("style", "")
    )
    return {name: value for name, value in view.items() if value != [] or name == asked} | {"model": model}
