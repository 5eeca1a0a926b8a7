"""Translators and language models that do what a test says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from serve_app.ports.language import ChatMessage, FinishReason, GenerateOptions, Generation, TextDelta, Translations


def shout(text: str) -> str:
    """Translate into Shouting, of which everything can be told."""
    return text.upper()


class MadeTranslator:
    """Translates one pair by a function, and remembers what it was asked."""

    def __init__(
        self,
        translate: Callable[[str], str] = shout,
        *,
        pairs: Sequence[tuple[str, str]] = (("en", "fr"),),
        name: str = "made",
    ) -> None:
        self._translate = translate
        self._pairs = frozenset(pairs)
        self._name = name
        self.asked: list[str] = []
        self.largest_call = 0

    async def pairs(self) -> frozenset[tuple[str, str]]:
        return self._pairs

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        self.asked += texts
        self.largest_call = max(self.largest_call, len(texts))
        return Translations(texts=tuple(self._translate(text) for text in texts), engine=self._name)


class MadeModel:
    """A LanguageModel whose answers come from a function of the text to translate and the number of the call."""

    def __init__(self, answer: Callable[[str, int], str], *, finish_reason: FinishReason = "stop") -> None:
        self._answer = answer
        self._finish_reason = finish_reason
        self.calls: list[tuple[str, str, GenerateOptions]] = []

    async def context_tokens(self) -> int:
        return 4096

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        system, user = messages[0].content, messages[-1].content.rpartition("\n\n")[2]
        self.calls.append((system, user, options))
        text = self._answer(user, len(self.calls))
        return Generation(text=text, finish_reason=self._finish_reason, prompt_tokens=1, completion_tokens=1)

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        yield await self.generate(messages, options)


class MadeGuesser:
    """Takes French for what has an é in it, German for what has an ß, and the rest for English."""

    def guess(self, text: str) -> str | None:
        return "fr" if "é" in text else "de" if "ß" in text else "en"
