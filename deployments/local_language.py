"""A language model within one process: its weights fetched and its engine loaded when first needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from configs.language import LanguageModelOptions
from configs.weights import load_registry
from deployments.first_use import FirstUsePull
from serve_app.adapters.weights import installed_path
from serve_app.errors import ModelUnavailable
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, LanguageModel, TextDelta


class LanguageEngine(LanguageModel, Protocol):
    """A language model whose engine is loaded."""

    @property
    def running(self) -> int:
        """How many answers the engine works on; one that was cancelled counts until it has let go of it."""

    async def ping(self) -> None:
        """Return when it lives; raises when it does not."""

    async def close(self) -> None:
        """Unload it."""


OpenEngine = Callable[[LanguageModelOptions, Path], LanguageEngine]


def open_engine(options: LanguageModelOptions, weights: Path) -> LanguageEngine:
    """Load a model; `weights` is the directory of its set, meaningless when the engine fetches them itself."""
    if options.engine == "openvino":
        from deployments.engines.openvino_genai import OpenVinoEngine

        return OpenVinoEngine(
            _for_openvino(weights),
            threads=options.threads,
            parallel=options.parallel,
            context_tokens=options.context_tokens,
            cache_tokens=options.cache_tokens,
            max_queue=options.max_queue,
            reproducible=options.reproducible,
        )
    from deployments.engines.vllm_engine import VllmEngine

    return VllmEngine(
        options.weights if options.on_hub else _for_vllm(weights),
        revision=options.revision,
        context_tokens=options.context_tokens,
        parallel=options.parallel,
        max_queue=options.max_queue,
        gpu_memory_share=options.gpu_memory_share,
    )


def _for_openvino(weights: Path) -> Path:
    if (weights / "openvino_model.xml").is_file():
        return weights
    from deployments.engines.gguf import gguf_in, openvino_of

    return openvino_of(gguf_in(weights), weights.parent / ".converted" / f"{weights.name}-openvino")


def _for_vllm(weights: Path) -> Path:
    if not any(weights.glob("*.gguf")):
        return weights
    from deployments.engines.gguf import gguf_in, safetensors_of

    return safetensors_of(gguf_in(weights), weights.parent / ".converted" / weights.name)


class LocalLanguageModel:
    """Implements ports.LanguageModel. Answers ModelLoading while its weights are fetched. For one event loop."""

    def __init__(
        self,
        options: LanguageModelOptions,
        data_dir: Path,
        *,
        pull: FirstUsePull | None = None,
        open_engine: OpenEngine = open_engine,
    ) -> None:
        self._options = options
        self._weights = installed_path(data_dir, options.weights)
        if pull is None and not options.on_hub:
            pull = FirstUsePull(data_dir, load_registry().get(options.weights))
        self._pull = pull
        self._open = open_engine
        self._engine: LanguageEngine | None = None
        self._loading = asyncio.Lock()

    async def start(self) -> None:
        """Load the engine when the weights are there, else begin to fetch them."""
        if self._pull is None or self._pull.installed:
            await self._load()
        else:
            self._pull.start()

    async def context_tokens(self) -> int:
        return await (await self._loaded()).context_tokens()

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await (await self._loaded()).count_tokens(texts)

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        return await (await self._loaded()).generate(messages, options)

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        engine = await self._loaded()
        async with aclosing(engine.stream(messages, options)) as answer:
            async for item in answer:
                yield item

    async def ping(self) -> None:
        """Return when the engine lives, or is not there yet; raises when it does not."""
        if self._engine is not None:
            await self._engine.ping()

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()
            self._engine = None

    async def _loaded(self) -> LanguageEngine:
        if self._engine is not None:
            return self._engine
        if self._pull is not None and not self._pull.installed:
            self._pull.start()
            raise self._pull.refusal()
        return await self._load()

    async def _load(self) -> LanguageEngine:
        async with self._loading:  # those who come meanwhile wait the seconds it takes
            if self._engine is None:
                try:
                    self._engine = await asyncio.to_thread(self._open, self._options, self._weights)
                except ImportError as error:
                    message = f"The engine {self._options.engine} is not installed ({error.name})."
                    raise ModelUnavailable(message) from error
            return self._engine
