from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from itertools import islice
from pathlib import Path

from benchmarks.language.schema import measure_schema, odd_texts, schema_table
from benchmarks.language.speed import Round, Written, speed_table
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, TextDelta

VALID = {"summary": "x", "mood": "neutral", "stars": 3, "actions": []}


class Model:
    """Gives valid answers, except to every call whose seed is in `broken`."""

    def __init__(self, broken: Sequence[int] = ()) -> None:
        self.asked: list[int] = []
        self.longest_tokens = 0
        self._broken = broken

    async def context_tokens(self) -> int:
        return 4096

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        assert options.seed is not None
        self.asked.append(options.seed)
        self.longest_tokens = max(self.longest_tokens, len(messages[-1].content))
        text = '{"summary": ' if options.seed in self._broken else json.dumps(VALID)
        return Generation(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        yield await self.generate(messages, options)


def test_odd_texts_are_the_same_each_time_and_reach_a_hundred_kilobytes() -> None:
    first, again = (list(islice(odd_texts(3), 64)) for _ in range(2))

    assert first == again
    assert len({kind for kind, _ in first}) == 9
    assert max(len(text) for _, text in first) >= 100_000


async def test_a_schema_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    model, state = Model(), tmp_path / "state"
    await measure_schema(model, state, calls=5)
    calls = await measure_schema(model, state, calls=9)

    assert sorted(model.asked) == list(range(9))
    assert [call.number for call in calls] == list(range(9))


async def test_no_call_begins_when_the_time_is_over(tmp_path: Path) -> None:
    model = Model()

    assert await measure_schema(model, tmp_path / "state", calls=5, until=0.0) == []
    assert model.asked == []


async def test_answers_that_leave_the_schema_are_named(tmp_path: Path) -> None:
    model = Model(broken=[2])
    calls = await measure_schema(model, tmp_path / "state", calls=16)
    table = schema_table(calls, wanted=16)

    assert [call.number for call in calls if call.fault] == [2]
    assert table.rows[-1] == ["all", "100000", "16", "15"]
    assert "call 2: JSONDecodeError" in table.note
    assert model.longest_tokens < 2000


def test_the_speed_table_says_what_many_at_once_are_worth() -> None:
    def round_of(n: int, wall_s: float) -> Round:
        answer = Written(first_s=0.5, total_s=wall_s, prompt_tokens=9, tokens=100)
        return Round(answers=(answer,) * n, wall_s=wall_s, cpu_s=2 * wall_s)

    table = speed_table({1: [round_of(1, 5.0)], 8: [round_of(8, 20.0)]}, model="m")

    assert [row[-1] for row in table.rows] == ["1.00", "2.00"]
    assert [row[-2] for row in table.rows] == ["100.0", "50.0"]
