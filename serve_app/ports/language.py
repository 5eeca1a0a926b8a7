"""What text features need from models, as Protocols. Every method may raise a SpeechError; nothing else crosses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateOptions:
    """How to continue a conversation."""

    max_tokens: int | None = None  # None: as many as the window has room for
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    json_schema: Mapping[str, Any] | None = None  # the text is JSON of this schema
    deadline_s: float = 600.0
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A finished answer. With a schema, `text` is valid against it unless `finish_reason` is `length`."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    text: str


class LanguageModel(Protocol):
    """An instruction-tuned language model.

    Raises ContextTooLong when a prompt leaves no room for an answer, ModelQueueFull, and ModelLoading while weights
    are on their way.
    """

    async def context_tokens(self) -> int:
        """Return how many tokens prompt and answer may have together."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text, without any template around it."""

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        """Answer. Cancelling the call stops the engine's work for it."""

    def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        """Yield the answer as it is written; a Generation with all of it comes last. Closing stops the work."""


class Embedder(Protocol):
    dimensions: int

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (n_texts, dimensions) vectors of unit length. Longer texts count with their first 256 tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translations:
    texts: tuple[str, ...]
    engine: str  # which model answered


class Translator(Protocol):
    """Raises UnsupportedPair, which lists what is known."""

    async def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the (source, target) pairs of language codes it knows."""

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        """Translate each text; an empty one stays empty."""


class LanguageGuesser(Protocol):
    def guess(self, text: str) -> str | None:
        """Return the ISO 639-1 code of a text's language; None when there is too little of it."""
