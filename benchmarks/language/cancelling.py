"""How soon a language model lets go of a call that was cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from statistics import median

from benchmarks.common.report import Table, number
from deployments.local_language import LanguageEngine
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation

_OTHERS = (0, 3, 7)  # answers that are being written meanwhile
_ENDLESS = {"type": "array", "items": {"type": "integer"}, "minItems": 10_000}  # fills whatever room there is
_PATIENCE_S = 60.0


async def measure_cancelling(model: LanguageEngine, *, times: int = 3) -> dict[str, list[float]]:
    """Return how many seconds after a call was cancelled the engine has let go of it."""
    measured: dict[str, list[float]] = {}
    for others in _OTHERS:
        writing = await _writing(model, others)
        for turn in range(times):
            for what, prompt, tokens in (
                ("while its prompt is read", _long_prompt(10 * others + turn), 0),
                ("while it writes", "Tell a long story about the sea.", 3),
            ):
                freed_s = await _freed_s(model, f"({others}.{turn}) {prompt}", after_tokens=tokens)
                measured.setdefault(f"{what}, beside {others}", []).append(freed_s)
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
        await until(lambda: model.running == 0)
    return measured


async def _writing(model: LanguageEngine, count: int) -> list[asyncio.Task[Generation]]:
    """Have so many answers written without an end."""
    endless = GenerateOptions(json_schema=_ENDLESS)
    prompts = ([ChatMessage(role="user", content=f"Count from {n}000001 upwards.")] for n in range(count))
    writing = [asyncio.create_task(model.generate(prompt, endless)) for prompt in prompts]
    await until(lambda: model.running >= count)
    # Calls begin one after the other: when this one is over, the others write.
    await model.generate([ChatMessage(role="user", content="Hello")], GenerateOptions(max_tokens=1))
    await until(lambda: model.running <= count)
    return writing


async def _freed_s(model: LanguageEngine, prompt: str, *, after_tokens: int) -> float:
    before = model.running
    options = GenerateOptions(max_tokens=1000, temperature=0.7, seed=1)
    seen = 0

    async def ask() -> None:
        nonlocal seen
        async with aclosing(model.stream([ChatMessage(role="user", content=prompt)], options)) as answer:
            async for _ in answer:
                seen += 1

    task = asyncio.create_task(ask())
    await until(lambda: model.running > before and seen >= after_tokens)
    if not after_tokens:
        await asyncio.sleep(0.3)  # into the prompt, which takes most of a second
    task.cancel()
    began = time.perf_counter()
    await until(lambda: model.running <= before)
    return time.perf_counter() - began


def _long_prompt(seed: int) -> str:
    return " ".join(str((n * 7919 + seed * 31) % 1000) for n in range(400))


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not reached():  # noqa: ASYNC110 - engines tell nobody when they let go
            await asyncio.sleep(0.002)


def cancelling_table(measured: dict[str, list[float]]) -> Table:
    rows = [
        [what, str(len(found)), number(median(found)), number(max(found))] for what, found in measured.items() if found
    ]
    return Table(title="A cancelled call lets go", columns=["cancelled", "times", "median, s", "worst, s"], rows=rows)
