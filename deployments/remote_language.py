"""A deployment handle as a language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from ray.serve.handle import DeploymentHandle

from deployments.remote import answer_of, answers_of
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, TextDelta


class RemoteLanguageModel:
    """Implements ports.LanguageModel. A caller that goes away stops the replica's work for it."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle
        self._stream = handle.options(stream=True).stream
        self._context_tokens: int | None = None

    async def context_tokens(self) -> int:
        if self._context_tokens is None:
            found: int = await answer_of(self._handle.context_tokens.remote())
            self._context_tokens = found  # never changes, and asking would wake a replica that rests
        return self._context_tokens

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        found: list[int] = await answer_of(self._handle.count_tokens.remote(tuple(texts)))
        return found

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        found: Generation = await answer_of(self._handle.generate.remote(tuple(messages), options))
        return found

    def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        return answers_of(self._stream, tuple(messages), options)
