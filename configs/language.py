"""Settings of language models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from configs.base import Settings


class LanguageModelOptions(Settings):
    """One language model. Its replicas and resources stand under `deployments`, as `language-model-<name>`."""

    engine: Literal["openvino", "vllm"]
    # A weight set of configs/weights.yaml; for vllm also `owner/name` on the model hub, which it then fetches itself.
    weights: str
    revision: str | None = None  # of the hub's repository
    title: str = ""  # as clients read it; empty: the model's name
    threads: int = Field(default=2, ge=1)  # openvino: CPU threads
    parallel: int = Field(default=8, ge=1)  # answers that are written at the same time
    context_tokens: int = Field(default=8192, ge=512)  # of prompt and answer together
    cache_tokens: int = Field(default=32768, ge=512)  # openvino: of answers at work and texts read last; 16 KB each
    # openvino: the same question has the same answer whatever else is being answered; slower, and the cache takes more
    reproducible: bool = False
    gpu_memory_share: float = Field(default=0.3, gt=0, le=1)  # vllm: of one card, weights and cache together
    max_queue: int = Field(default=64, ge=0)  # requests that wait in a replica before it says that it is full

    @model_validator(mode="after")
    def _engine_can_load_it(self) -> LanguageModelOptions:
        if self.engine == "openvino" and self.on_hub:
            raise ValueError(f"openvino takes a weight set, not the hub's {self.weights!r}")
        if self.revision and not self.on_hub:
            raise ValueError("`revision` is for weights on the model hub")
        if self.engine == "openvino" and self.context_tokens > self.cache_tokens:
            raise ValueError(f"context_tokens {self.context_tokens} do not fit in cache_tokens {self.cache_tokens}")
        return self

    @property
    def on_hub(self) -> bool:
        """Whether the engine fetches the weights itself."""
        return "/" in self.weights
