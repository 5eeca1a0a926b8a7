"""`hark bench load`: steps of load, an overload, or a soak, on a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.plots import draw_load
from benchmarks.common.report import RESULTS, Report, Table, write_report
from benchmarks.common.scheduling import ahead_of_others
from benchmarks.load.arrivals import Step, arrivals, plan_of, regular
from benchmarks.load.drive import Stage, run_arrivals, stage
from benchmarks.load.gauges import Gauges, Holdings, holdings
from benchmarks.load.report import (
    cost_table,
    holdings_table,
    memory_table,
    numbers_of,
    step_tables,
    verdict_table,
)
from benchmarks.load.scores import Deadlines, StepScore, score
from benchmarks.load.senders import Answer, closed_loop

CALLERS = 16  # of the closed loop that measures the capacity: two recognizers with batches of two, and as many waiting
_FILLING_S = 30.0  # before the capacity is measured; longer than a session, so that as many are open as later
_WARM_UP_SHARE = 0.2  # of a step: the one before it echoes

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked for, by one of the modes."""

    name: str  # of the report
    loads: Sequence[float]  # multiples of the capacity, one after the other
    seconds: Sequence[float]
    job_share: float
    sockets: float  # at once, on average
    seed: int
    diarize: bool
    capacity: float | None  # audio-seconds a second; None: measure it first
    capacity_s: float = 90.0
    rest_s: float = 90.0  # after the last answer; longer than connections to the database may idle
    patience_s: float = 900.0
    deadlines: Deadlines = field(default_factory=Deadlines)


async def measure_load(
    load: Load,
    *,
    url: str,
    service_pid: int | None,
    data_dir: Path | None,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Run the steps, write the report and return it as Markdown."""
    with ahead_of_others() as ahead:
        if not ahead:
            say("the sender may not go before other processes: on a machine it shares it will be late")
        async with stage(url, diarize=load.diarize, patience_s=load.patience_s) as found:
            capacity = load.capacity or await _capacity(found, load, say)
            say(f"capacity: {capacity:.1f} audio-seconds a second")
            steps = plan_of(
                load.loads, capacity=capacity, seconds=load.seconds, job_share=load.job_share, sockets=load.sockets
            )
            due = arrivals(steps, found.sounds, seed=load.seed)
            await asyncio.sleep(load.rest_s)
            gauges = Gauges(pid=service_pid)
            before = await holdings(gauges, data_dir)
            async with gauges:
                answers = await run_arrivals(found.sender, due, say=say)
                await gauges.sample()
        await asyncio.sleep(load.rest_s)
        after = await holdings(gauges, data_dir)
    scores = scores_of(steps, answers, load.deadlines)
    report = load_report(load, scores, answers, gauges, (before, after), capacity=capacity, command=command)
    text = await asyncio.to_thread(write_report, report, results)
    if len(scores) > 1:
        await asyncio.to_thread(draw_load, report.numbers, results / f"{load.name}.png")
    return text


async def _capacity(found: Stage, load: Load, say: Say) -> float:
    """Measure what requests get through side by side, with the sockets beside them."""
    say(f"the capacity is measured, {load.capacity_s:g} s")
    by_turns = [sound for sound in found.sounds["rest"] for _ in range(round(2 * sound.weight))]
    beside = regular(found.sounds["socket"], at_once=load.sockets, seconds=_FILLING_S + load.capacity_s)
    talks = asyncio.create_task(run_arrivals(found.sender, beside))
    # A multiplier coprime to their number deals the lengths out evenly.
    mixed = [by_turns[(7 * n) % len(by_turns)] for n in range(len(by_turns))]
    await closed_loop(found.sender, mixed, seconds=_FILLING_S, callers=CALLERS)
    capacity = await closed_loop(found.sender, mixed, seconds=load.capacity_s, callers=CALLERS)
    await talks
    return capacity


def scores_of(steps: Sequence[Step], answers: Sequence[Answer], deadlines: Deadlines) -> list[StepScore]:
    """Score each step by what arrived after its beginning had settled."""
    scores, starts_s = [], 0.0
    for index, step in enumerate(steps):
        settled_s = starts_s + _WARM_UP_SHARE * step.seconds
        own = [a for a in answers if a.arrival.step == index and a.arrival.at_s >= settled_s]
        scores.append(score(step, own, deadlines, warm_up_s=_WARM_UP_SHARE * step.seconds))
        starts_s += step.seconds
    return scores


def load_report(
    load: Load,
    scores: Sequence[StepScore],
    answers: Sequence[Answer],
    gauges: Gauges,
    held: tuple[Holdings, Holdings],
    *,
    capacity: float,
    command: str,
) -> Report:
    """Lay out the tables that the mode has numbers for."""
    tables: list[Table] = step_tables(scores, capacity=capacity, deadlines=load.deadlines)
    if load.name == "overload":
        tables.append(verdict_table(scores, capacity=capacity))
    answered_s = sum(answer.arrival.sound.audio_s for answer in answers if answer.ok)
    tables += [cost_table(gauges.samples, answered_s=answered_s), memory_table(gauges.samples), holdings_table(*held)]
    numbers = numbers_of(scores, gauges.samples, capacity=capacity, held=held)
    numbers["answers"] = [answer.row() for answer in answers]
    numbers["load"] = {
        "seed": load.seed,
        "job_share": load.job_share,
        "sockets": load.sockets,
        "diarize": load.diarize,
    }
    return Report(name=load.name, command=command, tables=tables, numbers=numbers)
