"""Deployment handles as the text features' smaller models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ray.serve.handle import DeploymentHandle

from deployments.engines.minilm import DIMENSIONS
from deployments.remote import answer_of
from serve_app.ports.language import Translations


class RemoteEmbedder:
    """Implements ports.Embedder."""

    dimensions = DIMENSIONS

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = await answer_of(self._handle.embed.remote(tuple(texts)))
        return vectors


class RemoteTranslator:
    """Implements ports.Translator over sentences."""

    def __init__(self, handle: DeploymentHandle[Any], *, pairs: frozenset[tuple[str, str]] | None = None) -> None:
        self._handle = handle
        self._pairs = pairs  # where they are known, asking must not wake a replica that rests

    async def pairs(self) -> frozenset[tuple[str, str]]:
        if self._pairs is None:
            found: frozenset[tuple[str, str]] = await answer_of(self._handle.pairs.remote())
            self._pairs = found
        return self._pairs

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        found: Translations = await answer_of(self._handle.translate.remote(tuple(texts), source, target))
        return found
