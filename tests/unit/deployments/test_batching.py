"""The batcher: an idle engine never waits, one bad item hurts nobody else."""

from __future__ import annotations

import asyncio
import threading

import pytest
from batch_engine import Engine, batcher_over, submitted
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.batching import DrainingBatcher
from serve_app.errors import CorruptMedia

# Batches


async def test_an_idle_engine_takes_a_lone_item_at_once(engine: Engine) -> None:
    (task,) = await submitted(batcher_over(engine), 1)

    assert await engine.running() == [1]
    engine.finish()
    assert await task == 2


async def test_a_free_engine_takes_all_that_waits_up_to_the_cap(engine: Engine) -> None:
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1)
    assert await engine.running() == [1]
    tasks += await submitted(batcher, 2, 3, 4, 5, 6)
    assert batcher.waiting == 5
    engine.finish()

    assert await engine.running() == [2, 3, 4, 5]
    engine.finish(2)
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10, 12]
    assert engine.batches == [[1], [2, 3, 4, 5], [6]]
    assert batcher.waiting == 0


async def test_an_engine_that_became_idle_starts_again(engine: Engine) -> None:
    batcher = batcher_over(engine)
    for item in (1, 2, 3):
        (task,) = await submitted(batcher, item)
        assert await engine.running() == [item]
        engine.finish()
        assert await task == 2 * item


async def test_preparing_and_running_share_one_thread(engine: Engine) -> None:
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2, 3)
    engine.finish(3)
    await asyncio.gather(*tasks)
    name = await batcher.on_engine(lambda: threading.current_thread().name)

    assert engine.threads == {name}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc"), st.integers(0, 2)), max_size=40), st.data())
def test_everybody_gets_the_result_of_their_own_item(arrivals: list[tuple[int, str, int]], data: st.DataObject) -> None:
    max_batch = data.draw(st.integers(1, 6))

    async def all_results() -> list[int]:
        engine = Engine()
        engine.finish(1000)
        batcher = batcher_over(engine, max_batch=max_batch)
        calls = (batcher.submit(item, key=key, priority=priority) for item, key, priority in arrivals)
        results = await asyncio.gather(*calls)
        assert max((len(batch) for batch in engine.batches), default=0) <= max_batch
        assert sorted(item for batch in engine.batches for item in batch) == sorted(item for item, *_ in arrivals)
        return results

    assert asyncio.run(all_results()) == [2 * item for item, *_ in arrivals]


# What goes wrong


async def test_an_item_that_cannot_be_prepared_fails_alone(engine: Engine) -> None:
    tasks = await submitted(batcher_over(engine), 1, -2, 3)
    engine.finish()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert (results[0], results[2]) == (2, 6)
    assert isinstance(results[1], CorruptMedia)
    assert engine.batches == [[1, 3]]


async def test_an_item_that_breaks_the_batch_fails_alone(engine: Engine) -> None:
    tasks = await submitted(batcher_over(engine), 1, 666, 3)
    engine.finish(4)
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert (results[0], results[2]) == (2, 6)
    assert isinstance(results[1], ValueError)
    assert engine.batches == [[1, 666, 3], [1], [666], [3]]


async def test_after_a_fault_the_engine_goes_on(engine: Engine) -> None:
    batcher = batcher_over(engine)
    engine.finish(10)
    with pytest.raises(ValueError, match="666"):
        await batcher.submit(666)
    with pytest.raises(CorruptMedia):
        await batcher.submit(-1)

    assert await batcher.submit(4) == 8


async def test_an_engine_that_loses_a_result_leaves_nobody_waiting(engine: Engine) -> None:
    lossy = DrainingBatcher[int, int, int](
        prepare=engine.prepare, run=lambda batch: engine.run(batch)[1:], max_batch=4, max_waiting=9
    )
    tasks = await submitted(lossy, 1, 2)
    engine.finish(10)
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=10)

    assert all(isinstance(result, Exception) for result in results)
    with pytest.raises(RuntimeError, match="0 results for 1 items"):
        await lossy.submit(3)


# Cancellation


async def test_a_cancelled_item_that_waits_is_never_worked_on(engine: Engine) -> None:
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2, 3)
    await engine.running()
    (gone,) = await submitted(batcher, 4)
    tasks += await submitted(batcher, 5)
    gone.cancel()
    engine.finish(2)
    await asyncio.gather(*tasks)

    assert 4 not in engine.prepared
    assert engine.batches == [[1, 2, 3], [5]]


async def test_an_item_cancelled_after_its_preparation_is_not_run(engine: Engine) -> None:
    engine.hold_preparations()
    tasks = await submitted(batcher_over(engine), 1, 2, 3)
    await engine.preparing()
    engine.let_prepare()
    await engine.preparing()  # 1 is prepared, 2 is being prepared
    tasks[0].cancel()
    engine.let_prepare(2)

    assert await engine.running() == [2, 3]
    engine.finish()
    assert await asyncio.gather(*tasks[1:]) == [4, 6]


async def test_when_all_are_gone_nothing_runs(engine: Engine) -> None:
    engine.hold_preparations()
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2)
    await engine.preparing()
    for task in tasks:
        task.cancel()
    engine.let_prepare(5)
    engine.finish()

    assert await batcher.submit(3) == 6
    assert engine.batches == [[3]]


async def test_cancelling_an_item_of_a_running_batch_leaves_the_others_alone(engine: Engine) -> None:
    tasks = await submitted(batcher_over(engine), 1, 2)
    await engine.running()
    tasks[0].cancel()
    engine.finish()

    assert await tasks[1] == 4
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


# Other work


async def test_other_work_runs_between_the_items_of_a_batch(engine: Engine) -> None:
    engine.hold_preparations()
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2)
    await engine.preparing()
    other = asyncio.create_task(batcher.on_engine(lambda: list(engine.prepared)))
    await asyncio.sleep(0)
    engine.let_prepare(2)
    engine.finish()

    assert await other == [1]
    assert await asyncio.gather(*tasks) == [2, 4]


async def test_a_fault_of_other_work_is_its_callers(engine: Engine) -> None:
    def broken() -> None:
        raise CorruptMedia("damaged")

    batcher = batcher_over(engine)
    engine.finish()
    with pytest.raises(CorruptMedia):
        await batcher.on_engine(broken)
    assert await batcher.submit(1) == 2
