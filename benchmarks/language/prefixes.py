"""What a second question about the same texts costs, where the cache holds them all and where it does not."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.common.report import Table, number
from deployments.local_language import LanguageEngine
from serve_app.insights.decoding import conversation
from serve_app.ports.language import GenerateOptions

_TEXTS = 6
_PHRASES = 160  # of a text: about a thousand tokens, as in a window of a transcript
_TASKS = ("Task: name the subject of the text.", "Task: name the first number of the text.")
CACHES = (4_096, 16_384)  # tokens: less than the texts have, and more


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How long each task took on all texts, one text after the other."""

    cache_tokens: int
    prompt_tokens: int
    first_s: float
    second_s: float


async def measure_prefixes(opened: Callable[[int], Awaitable[LanguageEngine]]) -> list[Asked]:
    """Give two tasks on each of some texts, on engines with caches of two sizes."""
    measured = []
    for cache_tokens in CACHES:
        engine = await opened(cache_tokens)
        try:
            measured.append(await _asked(engine, cache_tokens))
        finally:
            await engine.close()
    return measured


async def _asked(engine: LanguageEngine, cache_tokens: int) -> Asked:
    options = GenerateOptions(max_tokens=8)
    await engine.generate(conversation("Hello.", "Task: greet."), options)
    seconds, prompt_tokens = [], 0
    for task in _TASKS:
        began, prompt_tokens = time.perf_counter(), 0
        for seed in range(_TEXTS):
            answer = await engine.generate(conversation(long_text(seed, phrases=_PHRASES), task), options)
            prompt_tokens += answer.prompt_tokens
        seconds.append(time.perf_counter() - began)
    return Asked(cache_tokens=cache_tokens, prompt_tokens=prompt_tokens, first_s=seconds[0], second_s=seconds[1])


def long_text(seed: int, *, phrases: int) -> str:
    """Return a text that differs from those of other seeds from its first words on; a phrase is six tokens."""
    words = ("the meeting", "about the price of", "bread and the number")
    return " ".join(f"{words[n % 3]} {(n * 7919 + seed * 31) % 1000}" for n in range(phrases))


def prefixes_table(measured: list[Asked]) -> Table:
    return Table(
        title="A second task on the same texts",
        note=f"{_TEXTS} texts, one after the other; answers of eight tokens at most.",
        columns=("cache, tokens", "prompts, tokens", "first task, s", "second task, s", "ratio"),
        rows=[
            (
                str(each.cache_tokens),
                str(each.prompt_tokens),
                number(each.first_s, 1),
                number(each.second_s, 1),
                number(each.second_s / each.first_s),
            )
            for each in measured
        ],
    )
