"""OpenVINO's process may die: whoever waits is told, and so is whoever asks whether it lives."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psutil
import pytest
from talking import LONG, STORY, user

from deployments.local_language import LanguageEngine
from serve_app.errors import ModelUnavailable
from serve_app.ports.language import GenerateOptions, TextDelta

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
PATIENCE_S = 30


@pytest.mark.parametrize("narrow_model", ["openvino"], indirect=True)
async def test_when_its_process_dies_nobody_waits(narrow_model: LanguageEngine) -> None:
    answer = narrow_model.stream(STORY, replace(LONG, max_tokens=300))
    assert isinstance(await anext(answer), TextDelta)
    (worker,) = [child for child in psutil.Process().children() if "openvino_worker" in " ".join(child.cmdline())]
    worker.kill()

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ModelUnavailable):
            async for _ in answer:
                pass
        with pytest.raises(ModelUnavailable):
            await narrow_model.ping()
        with pytest.raises(ModelUnavailable):
            await narrow_model.generate(user("Hello"), GenerateOptions(max_tokens=4))
    assert narrow_model.running == 0


@pytest.mark.parametrize("narrow_model", ["openvino"], indirect=True)
async def test_a_pipeline_that_has_failed_is_not_gone_on_with(
    narrow_model: LanguageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.engines.openvino_genai.json_grammar", lambda _: "root ::= (")  # nothing reads it
    with pytest.raises(ModelUnavailable):
        await narrow_model.generate(user("Hello"), GenerateOptions(max_tokens=4, json_schema={}))

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ModelUnavailable):
            await pinging(narrow_model)
        with pytest.raises(ModelUnavailable):
            await narrow_model.generate(user("Hello"), GenerateOptions(max_tokens=1))


async def pinging(model: LanguageEngine) -> None:
    while True:
        await model.ping()
        await asyncio.sleep(0)
