"""A language model that says what a test tells it to, and texts to ask it about."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from serve_app.insights.decoding import Asker
from serve_app.insights.settings import InsightsSettings
from serve_app.insights.source import SourceSegment, SourceText
from serve_app.insights.work import Work
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, TextDelta

Script = Callable[[str, GenerateOptions], str | dict[str, Any]]


class ScriptedModel:
    """Answers each task by a script: a function of the user's message, or one answer for every call."""

    def __init__(self, script: Script | str | dict[str, Any] = "", *, window: int = 8192) -> None:
        self._script = script
        self._window = window
        self.prompts: list[str] = []
        self.options: list[GenerateOptions] = []
        self.running = 0
        self.most_running = 0
        self.closed_early = 0

    async def context_tokens(self) -> int:
        return self._window

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) // 4 + 1 for text in texts]

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        text = self._answer(messages, options)
        return Generation(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        text = self._answer(messages, options)
        finished = False
        try:
            for at in range(0, len(text), 7):
                yield TextDelta(text=text[at : at + 7])
            finished = True
            yield Generation(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)
        finally:
            self.closed_early += not finished

    def _answer(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> str:
        self.prompts.append(messages[-1].content)
        self.options.append(options)
        answer = self._script(messages[-1].content, options) if callable(self._script) else self._script
        return answer if isinstance(answer, str) else json.dumps(answer)


def by_task(**answers: str | dict[str, Any]) -> Script:
    """Answer by the words that a task contains; names' underscores stand for blanks."""

    def script(message: str, _: GenerateOptions) -> str | dict[str, Any]:
        task = message.rpartition("</text>")[2]
        for words, answer in answers.items():
            if words in task or words.replace("_", " ") in task:
                return answer
        return {}

    return script


def talk(*lines: tuple[str, str], language: str = "en", every_s: float = 5.0) -> SourceText:
    """Return a transcript of (speaker, text) lines."""
    return SourceText(
        language=language,
        segments=tuple(
            SourceSegment(
                order=order, text=text, speaker=speaker, start_s=(order - 1) * every_s, end_s=order * every_s - 0.5
            )
            for order, (speaker, text) in enumerate(lines, start=1)
        ),
    )


def work_on(source: SourceText, model: ScriptedModel, **settings: Any) -> Work:
    asker = Asker(model=model, settings=InsightsSettings(**settings))
    return Work(source=source, asker=asker, language=source.language)


MEETING = talk(
    ("Speaker 1", "Good morning, let's talk about the printer that broke on Tuesday."),
    ("Speaker 2", "I will call the repair company tomorrow and ask for a price."),
    ("Speaker 1", "Thank you. How much did the last repair cost?"),
    ("Speaker 2", "The last repair cost two hundred euros."),
    ("Speaker 1", "We decided in March that we buy a new printer if it costs more than 300 euros."),
    ("Speaker 2", "Maria likes the printer from Berlin, it is fast and quiet."),
)
