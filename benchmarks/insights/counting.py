"""A language model that counts what it is asked, for the report."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, LanguageModel, TextDelta


@dataclass(slots=True)
class Cost:
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class CountingModel:
    """Implements LanguageModel."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.cost = Cost()

    async def context_tokens(self) -> int:
        return await self._model.context_tokens()

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._model.count_tokens(texts)

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        return self._count(await self._model.generate(messages, options))

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        async for piece in self._model.stream(messages, options):
            yield self._count(piece) if isinstance(piece, Generation) else piece

    def _count(self, answer: Generation) -> Generation:
        self.cost.calls += 1
        self.cost.prompt_tokens += answer.prompt_tokens
        self.cost.completion_tokens += answer.completion_tokens
        return answer
