"""The text features' engines as ports within one process; each batches the calls of all its callers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from configs.text import EmbedderOptions, MadladOptions, OpusMtOptions
from configs.weights import load_registry
from deployments.batching import DrainingBatcher
from deployments.engines.madlad import Madlad
from deployments.engines.marian import converted
from deployments.engines.minilm import DIMENSIONS, MiniLm, Tokens
from deployments.engines.opus_mt import OpusMt
from deployments.first_use import FirstUsePull
from serve_app.adapters.weights import installed_path
from serve_app.errors import InvalidRequest
from serve_app.pipeline.fan_out import cancelling_group
from serve_app.ports.language import Translations
from serve_app.transcript.languages import LANGUAGES
from serve_app.translation.routing import unsupported

_GROUP = 16  # texts of one call that wait as one
_RUN_GROUPS = 4  # that are embedded together: 64 texts, 0.1 s

Item = TypeVar("Item")
Result = TypeVar("Result")


class LocalEmbedder:
    """Implements ports.Embedder."""

    dimensions = DIMENSIONS

    def __init__(self, options: EmbedderOptions, weights: Path) -> None:
        self._engine = MiniLm(weights, threads=options.threads, device=options.device)
        self._max_texts = options.max_texts
        self._batcher = DrainingBatcher[list[Tokens], list[Tokens], npt.NDArray[np.float32]](
            prepare=lambda group: group,
            run=self._run,
            max_batch=_RUN_GROUPS,
            max_waiting=options.max_waiting,
        )

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if len(texts) > self._max_texts:
            raise InvalidRequest(f"At most {self._max_texts} texts at once.", limit=self._max_texts)
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        if not texts:
            return vectors
        tokens = await asyncio.to_thread(self._engine.encode, texts)
        by_length = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        groups = [by_length[first : first + _GROUP] for first in range(0, len(texts), _GROUP)]
        done = await _all(self._batcher, [[tokens[index] for index in group] for group in groups])
        for group, some in zip(groups, done, strict=True):
            vectors[group] = some
        return vectors

    def _run(self, groups: Sequence[list[Tokens]]) -> list[npt.NDArray[np.float32]]:
        vectors = self._engine.run([tokens for group in groups for tokens in group])
        ends = np.cumsum([len(group) for group in groups])[:-1]
        return list(np.split(vectors, ends))

    def warm_up(self) -> None:
        """The first inference allocates; it must not be a client's."""
        self._engine.embed(["Good morning."])

    async def ping(self) -> None:
        """Return once the engine has answered."""
        await self._batcher.on_engine(lambda: None)


class LocalOpusMt:
    """Implements ports.Translator over sentences. Each pair's model is fetched and loaded when it is first needed."""

    def __init__(
        self, options: OpusMtOptions, data_dir: Path, *, pulls: Mapping[str, FirstUsePull] | None = None
    ) -> None:
        registry = load_registry()
        self._models: dict[tuple[str, str], _OpusMtModel] = {}
        for pair, name in options.weights.items():
            source, _, target = pair.partition("-")
            pull = (pulls or {}).get(name) or FirstUsePull(data_dir, registry.get(name))
            self._models[source, target] = _OpusMtModel(options, installed_path(data_dir, name), pull)

    async def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset(self._models)

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        if (source, target) not in self._models:
            raise unsupported(await self.pairs(), source=source, target=target)
        batcher = await self._models[source, target].loaded()
        translated = await _all(batcher, list(texts))
        return Translations(texts=tuple(translated), engine=f"opus-mt-{source}-{target}")


class _OpusMtModel:
    """One direction's model. Answers ModelLoading while its weights are fetched. For one event loop."""

    def __init__(self, options: OpusMtOptions, weights: Path, pull: FirstUsePull) -> None:
        self._options = options
        self._weights = weights
        self._pull = pull
        self._batcher: DrainingBatcher[str, str, str] | None = None
        self._loading = asyncio.Lock()

    async def loaded(self) -> DrainingBatcher[str, str, str]:
        if self._batcher is not None:
            return self._batcher
        if not self._pull.installed:
            self._pull.start()
            raise self._pull.refusal()
        async with self._loading:  # those who come meanwhile wait the seconds it takes
            if self._batcher is None:
                self._batcher = await asyncio.to_thread(self._load)
        return self._batcher

    def _load(self) -> DrainingBatcher[str, str, str]:
        options = self._options
        name = f"{self._weights.name}-{options.compute_type}"
        engine = OpusMt(
            converted(self._weights, self._weights.parent / ".converted" / name, quantization=options.compute_type),
            device=options.device,
            compute_type=options.compute_type,
            threads=options.threads,
            beam_size=options.beam_size,
        )
        return DrainingBatcher(
            prepare=lambda sentence: sentence,
            run=engine.translate,
            max_batch=options.max_batch,
            max_waiting=options.max_waiting,
        )


class LocalMadlad:
    """Implements ports.Translator over sentences, between all languages that Hark knows and the model has."""

    def __init__(self, options: MadladOptions) -> None:
        self._engine = Madlad(
            options.path,
            device=options.device,
            compute_type=options.compute_type,
            threads=options.threads,
            beam_size=options.beam_size,
        )
        known = [code for code in LANGUAGES if self._engine.knows(code)]
        self._pairs = frozenset((source, target) for source in known for target in known if source != target)
        self._batcher = DrainingBatcher[tuple[str, str], tuple[str, str], str](
            prepare=lambda item: item,
            run=lambda items: self._engine.translate([s for s, _ in items], targets=[t for _, t in items]),
            max_batch=options.max_batch,
            max_waiting=options.max_waiting,
        )

    async def pairs(self) -> frozenset[tuple[str, str]]:
        return self._pairs

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        if (source, target) not in self._pairs:
            raise unsupported(self._pairs, source=source, target=target)
        translated = await _all(self._batcher, [(text, target) for text in texts])
        return Translations(texts=tuple(translated), engine="madlad-400")


async def _all(batcher: DrainingBatcher[Item, Any, Result], items: Sequence[Item]) -> list[Result]:
    """Return the results of the items of one call, which takes turns with others."""
    key = f"{id(items):x}"
    async with cancelling_group() as group:
        waiting = [group.create_task(batcher.submit(item, key=key)) for item in items]
    return [done.result() for done in waiting]
