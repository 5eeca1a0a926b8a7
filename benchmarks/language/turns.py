"""How soon a question is answered while another request has long texts read."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from statistics import median

from benchmarks.common.report import Table, number
from benchmarks.language.cancelling import until
from benchmarks.language.prefixes import long_text
from deployments.local_language import LanguageEngine
from serve_app.insights.decoding import conversation
from serve_app.ports.language import ChatMessage, GenerateOptions

_TEXTS = 5
_PHRASES = 100
_ANSWER_TOKENS = 32
_BULK = "bulk"  # the request that has the texts read


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    first_token_s: float  # of the question
    all_s: float  # until the texts were done too


async def measure_turns(model: LanguageEngine, *, rounds: int = 2) -> dict[str, list[Waited]]:
    """Ask a question as one more call of the request that has texts read, and as a request of its own, in turn."""
    measured: dict[str, list[Waited]] = {"one queue": [], "requests take turns": []}
    for turn in range(rounds):
        for n, (waited, owner) in enumerate(zip(measured.values(), (_BULK, "question"), strict=True)):
            waited.append(await _waited(model, owner=owner, seed=100 * turn + 10 * n))
    return measured


async def _waited(model: LanguageEngine, *, owner: str, seed: int) -> Waited:
    began = time.perf_counter()
    bulk = GenerateOptions(max_tokens=_ANSWER_TOKENS, request_id=_BULK)
    texts = [conversation(long_text(seed + n, phrases=_PHRASES), "Task: tell the text again.") for n in range(_TEXTS)]
    async with asyncio.TaskGroup() as tasks:
        for text in texts:
            tasks.create_task(model.generate(text, bulk))
        await until(lambda: model.running >= _TEXTS)
        asked = time.perf_counter()
        question = [ChatMessage(role="user", content=f"What is {seed} and one?")]
        async with aclosing(model.stream(question, GenerateOptions(max_tokens=8, request_id=owner))) as answer:
            await anext(answer)
            first_token_s = time.perf_counter() - asked
    return Waited(first_token_s=first_token_s, all_s=time.perf_counter() - began)


def turns_table(measured: dict[str, list[Waited]]) -> Table:
    return Table(
        title="A question while texts are read",
        note=f"{_TEXTS} texts of {_PHRASES} phrases by another request; medians.",
        columns=("order", "first token of the question, s", "everything done, s"),
        rows=[
            (
                order,
                number(median(each.first_token_s for each in waited), 1),
                number(median(each.all_s for each in waited), 1),
            )
            for order, waited in measured.items()
        ],
    )
