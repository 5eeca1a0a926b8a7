"""A language model as a deployment: one deployment a model. It may scale to zero."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

from configs.language import LanguageModelOptions
from deployments.local_language import LocalLanguageModel
from deployments.measuring import measured_answer, measured_generation
from deployments.metrics import RayMeter, model_of_deployment
from deployments.remote import speech_errors, translated
from deployments.yielding import give_way
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, TextDelta


class LanguageModelDeployment:
    """Serves ports.LanguageModel."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, options: LanguageModelOptions, data_dir: Path
    ) -> None:
        give_way(device="cpu" if options.engine == "openvino" else "cuda")
        self._meter = RayMeter()
        self._name = model_of_deployment("language-model-")
        self._model = LocalLanguageModel(options, data_dir)
        await self._model.start()

    @speech_errors
    async def context_tokens(self) -> int:
        return await self._model.context_tokens()

    @speech_errors
    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._model.count_tokens(texts)

    @speech_errors
    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        return await measured_generation(self._model.generate(messages, options), self._meter, model=self._name)

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncIterator[TextDelta | Generation]:
        try:
            written = self._model.stream(messages, options)
            async with aclosing(measured_answer(written, self._meter, model=self._name)) as answer:
                async for item in answer:
                    yield item
        except Exception as error:
            raise translated(error) from error

    async def check_health(self) -> None:
        """Serve restarts the replica when this raises or hangs."""
        await self._model.ping()
