"""Models of the text features that answer as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from serve_app.api.text.services import TextServices
from serve_app.insights.insights import Insights
from serve_app.ports.language import (
    ChatMessage,
    GenerateOptions,
    Generation,
    LanguageModel,
    TextDelta,
    Translations,
)
from serve_app.ports.passages import Candidate, Passage
from serve_app.translation.service import Translation

MODEL = "small-llm"


@dataclass
class ScriptedLanguageModel:
    """Says its pieces; an Exception among them is raised, an Event is waited for."""

    pieces: list[str | Exception | asyncio.Event] = field(default_factory=lambda: ["Good ", "morning."])
    calls: list[tuple[Sequence[ChatMessage], GenerateOptions]] = field(default_factory=list)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def context_tokens(self) -> int:
        return 4096

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        async for item in self.stream(messages, options):
            if isinstance(item, Generation):
                return item
        raise AssertionError("no generation")

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        self.calls.append((messages, options))
        self.running.set()
        said = ""
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                    continue
                said += piece
                yield TextDelta(text=piece)
            yield Generation(text=said, finish_reason="stop", prompt_tokens=7, completion_tokens=len(self.pieces))
        finally:
            self.closed.set()


class LengthEmbedder:
    """A text's vector points along the axis of its length."""

    dimensions = 384

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, len(text) % self.dimensions] = 1.0
        return vectors


class UpperCaseTranslator:
    """English in capital letters is French."""

    async def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({("en", "fr")})

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        return Translations(texts=tuple(text.upper() for text in texts), engine="capitals")


class NotedPassages:
    """A PassageStore that notes whose transcripts were indexed, or fails."""

    def __init__(self, fault: Exception | None = None) -> None:
        self._fault = fault
        self.indexed: list[tuple[str, str]] = []

    async def put(self, account_id: str, transcript_id: str, *_: object, **__: object) -> None:
        if self._fault is not None:
            raise self._fault
        self.indexed.append((account_id, transcript_id))

    async def count(self, account_id: str, transcript_id: str) -> int:
        return self.indexed.count((account_id, transcript_id))

    async def search(self, *_: object, **__: object) -> list[Candidate]:
        return []

    async def around(self, *_: object) -> list[Passage]:
        return []


class English:
    def guess(self, text: str) -> str | None:
        return "en"


def text_services(model: LanguageModel | None = None, **changes: object) -> TextServices:
    """Return text features over such models."""
    guesser = English()
    fields: dict[str, object] = {
        "language_models": {MODEL: model or ScriptedLanguageModel()},
        "insights": insights_of(guesser),
        "embedder": LengthEmbedder(),
        "count_embedded": count_words,
        "translation": Translation(UpperCaseTranslator(), guesser),
    }
    return TextServices(**{**fields, **changes})  # type: ignore[arg-type]


def insights_of(guesser: English) -> Callable[[LanguageModel], Awaitable[Insights]]:
    async def insights(model: LanguageModel) -> Insights:
        return Insights(model, guesser=guesser)

    return insights


async def count_words(texts: Sequence[str]) -> int:
    return sum(len(text.split()) for text in texts)
