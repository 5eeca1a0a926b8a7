"""What sessions wait for goes between the steps of what runs."""

from __future__ import annotations

import asyncio

import pytest
from batch_engine import Engine, batcher_over, submitted

from deployments.batching import DrainingBatcher
from deployments.workload import WorkMeter
from serve_app.errors import CorruptMedia
from serve_app.pipeline.load import INTERACTIVE, PARTIAL, REALTIME


@pytest.fixture
async def batcher(engine: Engine) -> DrainingBatcher[int, int, int]:
    return batcher_over(engine, interludes=engine.interludes)


async def test_a_final_does_not_wait_for_the_batch_that_runs(
    engine: Engine, batcher: DrainingBatcher[int, int, int]
) -> None:
    (recording,) = await submitted(batcher, 1)
    await engine.running()
    (final,) = await submitted(batcher, 2, priority=REALTIME)
    engine.take_a_step()
    assert await engine.running() == [2]
    engine.finish()

    assert await final == 4
    assert not recording.done()
    engine.finish()
    assert await recording == 2


async def test_what_came_behind_the_last_step_goes_next(
    engine: Engine, batcher: DrainingBatcher[int, int, int]
) -> None:
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, priority=INTERACTIVE)
    tasks += await submitted(batcher, 3, priority=REALTIME)
    engine.finish(3)

    assert await asyncio.gather(*tasks) == [2, 4, 6]
    assert engine.batches == [[1], [3], [2]]


async def test_only_what_sessions_cannot_do_without_goes_between(
    engine: Engine, batcher: DrainingBatcher[int, int, int]
) -> None:
    (first,) = await submitted(batcher, 1)
    await engine.running()
    guess, *_ = others = await submitted(batcher, 2, priority=PARTIAL)
    others += await submitted(batcher, 3, priority=INTERACTIVE)
    engine.take_a_step()
    engine.finish()

    assert await first == 2
    assert not guess.done()
    engine.finish(2)
    assert await asyncio.gather(*others) == [4, 6]


async def test_finals_do_not_break_into_each_other(engine: Engine, batcher: DrainingBatcher[int, int, int]) -> None:
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, priority=REALTIME)
    engine.take_a_step()
    assert await engine.running() == [2]
    tasks += await submitted(batcher, 3, priority=REALTIME)
    engine.take_a_step()
    engine.finish()
    assert await engine.running() == [3]
    engine.finish(2)

    assert await asyncio.gather(*tasks) == [2, 4, 6]


async def test_a_final_that_fails_between_fails_alone(engine: Engine, batcher: DrainingBatcher[int, int, int]) -> None:
    (recording,) = await submitted(batcher, 1)
    await engine.running()
    (final,) = await submitted(batcher, -1, priority=REALTIME)
    engine.take_a_step()

    with pytest.raises(CorruptMedia):
        await final
    engine.finish()
    assert await recording == 2


async def test_a_final_that_nobody_waits_for_any_more_is_left_out(
    engine: Engine, batcher: DrainingBatcher[int, int, int]
) -> None:
    (recording,) = await submitted(batcher, 1)
    await engine.running()
    (final,) = await submitted(batcher, 2, priority=REALTIME)
    final.cancel()
    await asyncio.gather(final, return_exceptions=True)
    engine.take_a_step()
    engine.finish()

    assert await recording == 2
    assert engine.batches == [[1]]


async def test_what_went_between_is_counted_as_work_for_sessions(engine: Engine) -> None:
    meter = WorkMeter()
    batcher = batcher_over(engine, interludes=engine.interludes, meter=meter)
    tasks = await submitted(batcher, 1, audio_s=10.0)
    await engine.running()
    tasks += await submitted(batcher, 2, priority=REALTIME, audio_s=10.0)
    engine.take_a_step()
    engine.finish(2)
    await asyncio.gather(*tasks)
    await batcher.on_engine(lambda: None)

    stats = meter.stats()
    assert stats["waiting_audio_s"] == 0
    assert stats["realtime_share"] > 0


async def test_a_batch_that_nobody_waits_for_any_more_ends_with_its_step(
    engine: Engine, batcher: DrainingBatcher[int, int, int]
) -> None:
    gone = await submitted(batcher, 1, 2)
    await engine.running()
    for task in gone:
        task.cancel()
    (next_one,) = await submitted(batcher, 3)
    engine.take_a_step()
    assert await engine.running() == [3]
    engine.finish()

    assert await next_one == 6


async def test_a_batch_that_somebody_waits_for_goes_on(engine: Engine, batcher: DrainingBatcher[int, int, int]) -> None:
    kept, gone = await submitted(batcher, 1, 2)
    await engine.running()
    gone.cancel()
    engine.take_a_step()
    engine.finish()

    assert await kept == 2
