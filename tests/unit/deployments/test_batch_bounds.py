"""What a batcher takes at most, and what those are told whom it turns away."""

from __future__ import annotations

import asyncio

import pytest
from batch_engine import Engine, batcher_over, submitted

from deployments.batching import DrainingBatcher
from deployments.workload import WorkMeter
from serve_app.errors import ModelQueueFull
from serve_app.pipeline.load import BACKGROUND, INTERACTIVE, LONG, REALTIME


async def test_a_full_queue_says_so_at_once(engine: Engine) -> None:
    batcher = batcher_over(engine, max_waiting=2)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, 3)

    with pytest.raises(ModelQueueFull) as raised:
        await batcher.submit(4)
    assert raised.value.retry_after_s
    engine.finish(2)
    assert await asyncio.gather(*tasks) == [2, 4, 6]


async def test_an_urgent_item_takes_the_place_of_the_last_of_those_that_can_wait(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1, max_waiting=2)
    tasks = await submitted(batcher, 1)
    await engine.running()
    (kept, displaced) = await submitted(batcher, 2, 3, priority=LONG)
    tasks += [kept, *await submitted(batcher, 4, priority=REALTIME)]

    with pytest.raises(ModelQueueFull):
        await displaced
    assert batcher.waiting == 2
    engine.finish(3)
    assert await asyncio.gather(*tasks) == [2, 4, 8]
    assert engine.batches == [[1], [4], [2]]


async def test_nobody_takes_the_place_of_an_equal(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1, max_waiting=1)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, priority=INTERACTIVE)

    for priority in (INTERACTIVE, LONG, BACKGROUND):
        with pytest.raises(ModelQueueFull):
            await batcher.submit(3, priority=priority)
    engine.finish(2)
    assert await asyncio.gather(*tasks) == [2, 4]


async def test_a_full_queue_says_how_long_it_takes(engine: Engine) -> None:
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    meter = WorkMeter(clock=clock)
    batcher = DrainingBatcher[int, int, int](
        prepare=engine.prepare, run=engine.run, max_batch=1, max_waiting=4, meter=meter
    )
    (first,) = await submitted(batcher, 1, audio_s=30.0)
    await engine.running()
    clock.now += 3.0  # ten seconds of audio a second
    engine.finish()
    await first
    tasks = await submitted(batcher, 2, audio_s=30.0)
    await engine.running()
    tasks += await submitted(batcher, 3, 4, 5, 6, audio_s=100.0)  # 40 s of work

    with pytest.raises(ModelQueueFull) as raised:
        await batcher.submit(7, audio_s=1.0)
    assert raised.value.retry_after_s == 20  # half of it is done by then
    engine.finish(10)
    await asyncio.gather(*tasks)


async def test_what_waits_is_known_in_seconds_of_audio(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, 1, audio_s=5.0)
    await engine.running()
    tasks += await submitted(batcher, 2, priority=REALTIME, audio_s=2.5)
    tasks += await submitted(batcher, 3, 4, priority=LONG, audio_s=28.0)
    (gone,) = await submitted(batcher, 5, priority=LONG, audio_s=28.0)
    gone.cancel()
    await asyncio.wait([gone])

    assert batcher.load().waiting_audio_s == (2.5, 0, 0, 56, 0)
    engine.finish(10)
    await asyncio.gather(*tasks)
    assert batcher.load().waiting_audio_s == (0, 0, 0, 0, 0)


async def test_those_who_went_away_make_room(engine: Engine) -> None:
    batcher = batcher_over(engine, max_waiting=2)
    tasks = await submitted(batcher, 1)
    await engine.running()
    gone = await submitted(batcher, 2, 3)
    gone[0].cancel()
    await asyncio.wait([gone[0]])

    assert batcher.waiting == 1
    tasks += await submitted(batcher, 4)
    engine.finish(2)
    assert await asyncio.gather(*tasks) == [2, 8]


async def test_while_sessions_are_open_a_batch_is_as_short_as_they_can_wait_for(engine: Engine) -> None:
    class Meter(WorkMeter):
        sessions = True

        def serves_sessions(self) -> bool:
            return self.sessions

    meter = Meter()
    batcher = DrainingBatcher[int, int, int](
        prepare=engine.prepare, run=engine.run, max_batch=4, max_waiting=9, max_batch_beside_sessions=2, meter=meter
    )
    tasks = await submitted(batcher, 1, 2, 3)
    assert await engine.running() == [1, 2]
    meter.sessions = False
    tasks += await submitted(batcher, 4, 5)
    engine.finish(2)
    await asyncio.gather(*tasks)

    assert engine.batches[1:] == [[3, 4, 5]]
