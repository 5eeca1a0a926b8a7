import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from talking import MODELS

from configs.language import LanguageModelOptions
from deployments.local_language import open_engine
from serve_app.ports.language import ChatMessage, GenerateOptions

QUESTIONS = (
    "Name three rivers and say a sentence about each.",
    "Why is the sky blue?",
    "Describe how bread is made.",
    "Write about Rome.",
)
WITHIN = GenerateOptions(max_tokens=48)


async def test_a_reproducible_model_answers_the_same_in_company(weights: Callable[[str], Path]):
    pytest.importorskip("openvino_genai")
    _, name = MODELS["openvino"]
    options = LanguageModelOptions(
        engine="openvino", weights=name, reproducible=True, context_tokens=1024, cache_tokens=8192
    )
    engine = await asyncio.to_thread(open_engine, options, weights(name))
    try:
        asked = [engine.generate([ChatMessage(role="user", content=each)], WITHIN) for each in QUESTIONS]
        together = [answer.text for answer in await asyncio.gather(*asked)]
        for question, text in zip(QUESTIONS, together, strict=True):
            alone = await engine.generate([ChatMessage(role="user", content=question)], WITHIN)
            assert alone.text == text
    finally:
        await engine.close()
