"""Goodput, refusals and latencies from answers, and what the tables make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.load.arrivals import Arrival, Kind, Sound, Step
from benchmarks.load.report import step_tables, verdict_table
from benchmarks.load.scores import Deadlines, StepScore, score
from benchmarks.load.senders import Answer

STEP = Step(name="1 x", seconds=100, rest=5)
DEADLINES = Deadlines(base_s=10, per_audio_s=1)


def answer(
    outcome: str, took_s: float, *, audio_s: float = 20, kind: Kind = "rest", retry_after: bool = True
) -> Answer:
    sound = Sound(name="x", path=Path("x"), audio_s=audio_s)
    arrival = Arrival(at_s=0, kind=kind, sound=sound, step=0)
    return Answer(arrival=arrival, outcome=outcome, took_s=took_s, retry_after=outcome == "refused" and retry_after)


def scored(*answers: Answer, step: Step = STEP) -> StepScore:
    return score(step, answers, DEADLINES)


def test_an_answer_after_its_deadline_is_no_goodput() -> None:
    assert scored(answer("ok", 30), answer("ok", 30.1), answer("refused", 0.01)).goodput == pytest.approx(20 / 100)


def test_a_refusal_is_shed_and_anything_else_that_is_no_answer_has_failed() -> None:
    found = scored(answer("ok", 1), answer("refused", 0.1), answer("ReadError", 2), answer("500 INTERNAL", 2))
    assert (found.shed, found.failed) == (pytest.approx(1 / 4), 2)
    assert found.kinds[0].faults == {"ReadError": 1, "500 INTERNAL": 1}


def test_latencies_are_those_of_answers_and_not_of_refusals() -> None:
    found = scored(answer("ok", 4), *(answer("refused", 0.01) for _ in range(50))).kinds[0]
    assert (found.took_s[50], found.refusal_s[95]) == (4, 0.01)


def test_sockets_count_neither_as_goodput_nor_as_shed() -> None:
    found = scored(answer("ok", 1, kind="socket"), answer("refused", 0.1, kind="socket"), answer("ok", 1))
    assert (found.goodput, found.shed) == (pytest.approx(0.2), 0)


def test_an_overload_is_judged_against_the_calm_at_first_and_the_best_of_all() -> None:
    calm = scored(answer("ok", 2), answer("ok", 2, kind="socket"), step=Step(name="0.8 x", seconds=10, rest=2))
    best = scored(*(answer("ok", 4) for _ in range(5)), step=Step(name="1 x", seconds=40, rest=2))
    overload = scored(
        answer("ok", 5),
        answer("refused", 0.05),
        answer("refused", 0.3, retry_after=False),
        answer("closed 1011", 0, kind="socket"),
        step=Step(name="3 x", seconds=10, rest=6),
    )
    rows = {row[0]: row[1] for row in verdict_table([calm, best, overload], capacity=4).rows}
    assert rows["goodput / peak"] == "0.80"
    assert rows["goodput / capacity"] == "0.50"
    assert rows["p95 of answered requests, overload / calm"] == "2.50"
    assert rows["p95 of refusals, s"] == "0.300"
    assert rows["refusals without Retry-After"] == "1"
    assert rows["sockets that did not end well"] == "1"


def test_the_tables_have_a_row_for_each_step_and_kind() -> None:
    scores = [scored(answer("ok", 2), answer("ok", 2, kind="job")), scored(answer("refused", 1))]
    work, times, refusals = step_tables(scores, capacity=1, deadlines=DEADLINES)
    assert [len(table.rows) for table in (work, times, refusals)] == [2, 3, 3]
