"""Sentence embeddings as a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from configs.text import EmbedderOptions
from deployments.local_text import LocalEmbedder
from deployments.remote import speech_errors
from deployments.yielding import give_way


class EmbedderDeployment:
    """Serves ports.Embedder."""

    def __init__(self, options: EmbedderOptions, weights: Path) -> None:
        give_way(device=options.device)
        self._embedder = LocalEmbedder(options, weights)
        self._embedder.warm_up()

    @speech_errors
    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return await self._embedder.embed(texts)

    async def check_health(self) -> None:
        """Serve restarts the replica when this raises or hangs."""
        await self._embedder.ping()
