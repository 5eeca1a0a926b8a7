"""Calls to models: tried again where that helps, bounded, stopped together."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from serve_app.errors import CorruptMedia, InternalError, ModelQueueFull, ModelUnavailable, SpeechError
from serve_app.pipeline.fan_out import RetrySettings, bounded_map, cancelling_group, with_retries

AT_ONCE = RetrySettings(attempts=3, first_pause_s=0.0, longest_pause_s=0.0)


class Flaky:
    """A call that fails with each of the faults in turn, then answers."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)
        return "answer"


class Gate:
    """Calls that stay open until they are let through, and count themselves."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.running = self.most_running = self.started = self.cancelled = 0

    async def call(self, answer: int) -> int:
        self.started += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.open.wait()
            return answer
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


async def settled() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


# Retries


@pytest.mark.parametrize("fault", [ModelUnavailable("its replica died"), ModelQueueFull("its queue is full")])
async def test_a_call_is_tried_again_when_the_model_was_not_to_be_had(fault: SpeechError) -> None:
    call = Flaky(fault, fault)

    assert await with_retries(call, AT_ONCE) == "answer"
    assert call.calls == 3


@pytest.mark.parametrize("fault", [InternalError("bug"), CorruptMedia("damaged"), ValueError("bug")])
async def test_a_call_that_would_fail_again_is_not_tried_again(fault: Exception) -> None:
    call = Flaky(fault)

    with pytest.raises(type(fault)):
        await with_retries(call, AT_ONCE)
    assert call.calls == 1


async def test_the_last_attempt_decides_what_is_raised() -> None:
    last = ModelQueueFull("full", retry_after_s=7)
    call = Flaky(ModelUnavailable("dead"), ModelUnavailable("dead"), last)

    with pytest.raises(ModelQueueFull) as raised:
        await with_retries(call, AT_ONCE)
    assert raised.value is last
    assert call.calls == 3


async def test_a_call_without_an_answer_is_stopped_and_tried_again() -> None:
    gate = Gate()
    settings = RetrySettings(attempts=2, timeout_s=0.01, first_pause_s=0.0, longest_pause_s=0.0)

    with pytest.raises(ModelUnavailable, match=r"no answer within 0\.01 s, 2 times"):
        await with_retries(partial(gate.call, 1), settings)
    assert (gate.started, gate.cancelled) == (2, 2)


async def test_pauses_grow_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses_s: list[float] = []

    async def sleep(pause_s: float) -> None:
        pauses_s.append(pause_s)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    settings = RetrySettings(attempts=6, first_pause_s=0.5, longest_pause_s=3.0)

    with pytest.raises(ModelUnavailable):
        await with_retries(Flaky(*[ModelUnavailable("dead")] * 6), settings)
    assert pauses_s == [0.5, 1.0, 2.0, 3.0, 3.0]

    # Calls to other replicas succeed at once; with a single one, the caller waits in Serve's queue while it starts.
    assert sum(pauses_s) >= 1.0


async def test_a_cancelled_caller_is_not_tried_again() -> None:
    gate = Gate()
    task = asyncio.create_task(with_retries(partial(gate.call, 1), AT_ONCE))
    await settled()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert (gate.started, gate.cancelled) == (1, 1)


# Fan-out


async def test_results_keep_the_order_of_the_calls() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await bounded_map([partial(after, turns) for turns in (9, 1, 5, 0)], limit=4) == [9, 1, 5, 0]


@pytest.mark.parametrize("limit", [1, 3, 10])
async def test_no_more_calls_run_at_once_than_the_limit(limit: int) -> None:
    gate = Gate()
    work = asyncio.create_task(bounded_map([partial(gate.call, i) for i in range(8)], limit=limit))
    await settled()

    assert gate.running == min(limit, 8)
    gate.open.set()
    assert await work == list(range(8))
    assert gate.most_running == min(limit, 8)


async def test_without_calls_there_are_no_results() -> None:
    assert await bounded_map([], limit=2) == []


async def test_the_first_failure_stops_the_rest_and_is_raised_as_it_is() -> None:
    gate = Gate()
    fault = InternalError("broken")
    calls: list[Callable[[], Awaitable[object]]] = [partial(gate.call, i) for i in range(6)]
    calls.insert(1, Flaky(fault))

    with pytest.raises(InternalError) as raised:
        await bounded_map(calls, limit=3)
    assert raised.value is fault
    assert gate.running == 0
    assert gate.started <= 3


async def test_cancelling_the_fan_out_cancels_its_calls() -> None:
    gate = Gate()
    work = asyncio.create_task(bounded_map([partial(gate.call, i) for i in range(8)], limit=3))
    await settled()
    work.cancel()

    with pytest.raises(asyncio.CancelledError):
        await work
    assert (gate.cancelled, gate.started) == (3, 3)


async def test_a_group_raises_the_fault_inside_nested_groups() -> None:
    async def nested() -> None:
        async with cancelling_group() as inner:
            inner.create_task(Flaky(CorruptMedia("damaged"))())

    with pytest.raises(CorruptMedia):
        async with cancelling_group() as group:
            group.create_task(nested())


async def test_a_fault_in_the_body_of_a_group_stops_its_tasks() -> None:
    gate = Gate()

    async def work() -> None:
        async with cancelling_group() as group:
            group.create_task(gate.call(1))
            await settled()
            raise CorruptMedia("damaged")

    with pytest.raises(CorruptMedia):
        await work()
    assert gate.cancelled == 1
