"""How fast a language model writes, alone and several answers at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from statistics import median

from benchmarks.common.report import Table, number
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, LanguageModel, TextDelta

AT_ONCE = 8
_PROMPTS = (
    "Explain how a lighthouse works, in detail.",
    "Tell the story of a ship that lost its captain.",
    "Describe a market in the morning, stall by stall.",
    "Explain to a child why the sky is blue.",
    "Write a letter from a gardener to her neighbour.",
    "Describe how bread is made, from the field to the table.",
    "Tell the history of an old railway station.",
    "Explain how an orchestra rehearses a new piece.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One answer: when its first text came, when it ended, and its size."""

    first_s: float
    total_s: float
    prompt_tokens: int
    tokens: int

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second after the first."""
        return (self.tokens - 1) / (self.total_s - self.first_s) if self.tokens > 1 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Several answers that were written at the same time."""

    answers: tuple[Written, ...]
    wall_s: float
    cpu_s: float  # of this process and its children, which for OpenVINO is all there is

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all answers together a second, prompts included in the time."""
        return sum(answer.tokens for answer in self.answers) / self.wall_s

    @property
    def cpu_ms_a_token(self) -> float:
        """CPU time of a written token, its share of the prompts included: what a busy machine does not change."""
        return 1000 * self.cpu_s / sum(answer.tokens for answer in self.answers)

    @property
    def first_s(self) -> float:
        return median(answer.first_s for answer in self.answers)


async def measure_language(
    model: LanguageModel, *, at_once: Sequence[int] = (1, AT_ONCE), tokens: int = 96, rounds: int = 3
) -> dict[int, list[Round]]:
    """Let the model write so many answers at once, in rounds that take turns. Its very first answer is not counted."""
    await write_one(model, "Say hello.", max_tokens=8)
    measured: dict[int, list[Round]] = {n: [] for n in at_once}
    for turn in range(rounds):
        for n in at_once:
            began, cpu_s = time.perf_counter(), _cpu_s()
            # Prompts begin differently each time, so that none is answered from a cache.
            prompts = [f"({turn + 1}.{n}.{i + 1}) {_PROMPTS[i % len(_PROMPTS)]}" for i in range(n)]
            answers = await asyncio.gather(*(write_one(model, prompt, max_tokens=tokens) for prompt in prompts))
            wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - cpu_s
            measured[n].append(Round(answers=tuple(answers), wall_s=wall_s, cpu_s=cpu_s))
    return measured


def _cpu_s() -> float:
    """Return the CPU time of this process and those it has started."""
    import psutil

    mine = psutil.Process()
    times = (process.cpu_times() for process in (mine, *mine.children(recursive=True)))
    return sum(used.user + used.system for used in times)


async def write_one(model: LanguageModel, prompt: str, *, max_tokens: int) -> Written:
    """Return the times of one streamed answer."""
    began = time.perf_counter()
    first_s: float | None = None
    last: Generation | None = None
    options = GenerateOptions(max_tokens=max_tokens, temperature=0.7, seed=1)
    async with aclosing(model.stream([ChatMessage(role="user", content=prompt)], options)) as answer:
        async for item in answer:
            if isinstance(item, TextDelta):
                first_s = time.perf_counter() - began if first_s is None else first_s
            else:
                last = item
    total_s = time.perf_counter() - began
    if last is None:
        raise RuntimeError("the answer has no end")
    return Written(
        first_s=total_s if first_s is None else first_s,
        total_s=total_s,
        prompt_tokens=last.prompt_tokens,
        tokens=last.completion_tokens,
    )


def speed_table(measured: dict[int, list[Round]], *, model: str) -> Table:
    """Return all rounds' medians; the last column is what many at once are worth beside one."""
    rates = {n: median(r.tokens_per_s for r in rounds) for n, rounds in measured.items()}
    alone = rates.get(1)
    rows = [
        [
            str(n),
            number(median(r.first_s for r in rounds)),
            number(median(a.tokens_per_s for r in rounds for a in r.answers), 1),
            number(rates[n], 1),
            number(median(r.cpu_ms_a_token for r in rounds), 1),
            number(rates[n] / alone if alone else None),
        ]
        for n, rounds in sorted(measured.items())
    ]
    return Table(
        title=f"Writing speed of {model}",
        columns=["answers at once", "first token, s", "tokens/s of one", "tokens/s of all", "CPU ms a token", "ratio"],
        rows=rows,
        note="Medians of the rounds, which take turns; prompts are short and new each time. CPU of all processes.",
    )
