from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from serve_app.api.pump import Pump
from serve_app.errors import ModelUnavailable

LONG_S = 60.0
LATE = "too late"


class Source:
    """Yields numbers; an exception is raised, an event waited for."""

    def __init__(self, *steps: int | Exception | asyncio.Event) -> None:
        self._steps = steps
        self.closed = asyncio.Event()

    async def __call__(self) -> AsyncGenerator[int]:
        try:
            for step in self._steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            self.closed.set()


def pump_of(source: Source, *, deadline_s: float = LONG_S) -> Pump[int]:
    return Pump(source(), deadline_s=deadline_s, late=LATE)


async def test_items_come_in_order_and_the_first_is_not_lost() -> None:
    async with pump_of(Source(*range(50))) as pump:
        await pump.begin(timeout_s=LONG_S)
        assert [item async for item in pump.items(every_s=LONG_S)] == list(range(50))


async def test_who_waits_hears_that_there_is_nothing_yet() -> None:
    more = asyncio.Event()
    async with pump_of(Source(1, more, 2)) as pump:
        found = []
        async for item in pump.items(every_s=0.01):
            found.append(item)
            if item is None:
                more.set()
    assert found[0] == 1
    assert found[1] is None
    assert found[-1] == 2


async def test_a_fault_before_the_first_item_is_raised_where_one_waits_for_it() -> None:
    async with pump_of(Source(ValueError("early"))) as pump:
        with pytest.raises(ValueError, match="early"):
            await pump.begin(timeout_s=LONG_S)


async def test_a_later_fault_is_raised_behind_the_items_before_it() -> None:
    async with pump_of(Source(1, ValueError("late"))) as pump:
        items = pump.items(every_s=LONG_S)
        assert await anext(items) == 1
        with pytest.raises(ValueError, match="late"):
            await anext(items)


async def test_no_first_item_in_time_is_no_fault() -> None:
    more = asyncio.Event()
    async with pump_of(Source(more, 1)) as pump:
        await pump.begin(timeout_s=0.01)
        more.set()
        assert [item async for item in pump.items(every_s=LONG_S)] == [1]


async def test_work_that_takes_too_long_is_stopped_even_while_nobody_reads() -> None:
    source = Source(*range(1000))
    async with pump_of(source, deadline_s=0.01) as pump:
        await asyncio.wait_for(source.closed.wait(), LONG_S)
        with pytest.raises(ModelUnavailable, match=LATE):
            async for _ in pump.items(every_s=LONG_S):
                pass


async def test_a_timeout_inside_is_not_taken_for_silence() -> None:
    async with pump_of(Source(1, TimeoutError())) as pump:
        items = pump.items(every_s=LONG_S)
        assert await anext(items) == 1
        with pytest.raises(ModelUnavailable):
            await anext(items)


async def test_leaving_stops_the_work() -> None:
    source = Source(1, asyncio.Event())
    async with pump_of(source) as pump:
        await pump.begin(timeout_s=LONG_S)
    assert source.closed.is_set()
