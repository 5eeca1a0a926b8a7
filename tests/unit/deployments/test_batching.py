"""The batcher: an idle engine never waits, a busy one is shared fairly, one bad item hurts nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.batching import DrainingBatcher
from deployments.workload import WorkMeter
from serve_app.errors import CorruptMedia, ModelQueueFull

LONG = 2  # the priority of long recordings


class Engine:
    """Doubles numbers; runs and preparations wait at doors until the test opens them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.prepared: list[int] = []
        self.threads: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._runs = asyncio.Queue[list[int]]()
        self._preparations = asyncio.Queue[int]()
        self._run_door = threading.Semaphore(0)
        self._prepare_door: threading.Semaphore | None = None

    def prepare(self, item: int) -> int:
        self.threads.add(threading.current_thread().name)
        self._loop.call_soon_threadsafe(self._preparations.put_nowait, item)
        if self._prepare_door:
            self._prepare_door.acquire()
        if item < 0:
            raise CorruptMedia(f"{item} cannot be prepared")
        self.prepared.append(item)
        return item

    def run(self, batch: Sequence[int]) -> list[int]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(batch))
        self._loop.call_soon_threadsafe(self._runs.put_nowait, list(batch))
        self._run_door.acquire()
        if 666 in batch:
            raise ValueError("666 cannot be run")
        return [2 * item for item in batch]

    def hold_preparations(self) -> None:
        self._prepare_door = threading.Semaphore(0)

    def let_prepare(self, n: int = 1) -> None:
        assert self._prepare_door
        self._prepare_door.release(n)

    async def preparing(self) -> int:
        """Wait until the next item is being prepared."""
        return await self._preparations.get()

    async def running(self) -> list[int]:
        """Wait until the next batch runs."""
        return await self._runs.get()

    def finish(self, n: int = 1) -> None:
        """Let so many batches end."""
        self._run_door.release(n)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine()
    yield made
    made.finish(1000)


def batcher_over(engine: Engine, *, max_batch: int = 4, max_waiting: int = 100) -> DrainingBatcher[int, int, int]:
    return DrainingBatcher(prepare=engine.prepare, run=engine.run, max_batch=max_batch, max_waiting=max_waiting)


async def submitted(batcher: DrainingBatcher[int, int, int], *items: int, **how: object) -> list[asyncio.Task[int]]:
    """Submit items in this order and return once they wait."""
    tasks = [asyncio.create_task(batcher.submit(item, **how)) for item in items]
    await asyncio.sleep(0)
    return tasks


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


# Who goes first


async def test_lower_priorities_go_first(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, 1)
    await engine.running()
    for item, priority in ((2, LONG), (3, 1), (4, 0), (5, LONG)):
        tasks += await submitted(batcher, item, priority=priority)
    engine.finish(5)
    await asyncio.gather(*tasks)

    assert engine.batches == [[1], [4], [3], [2], [5]]


async def test_an_urgent_item_joins_a_batch_that_is_being_prepared_and_closes_it(engine: Engine) -> None:
    engine.hold_preparations()
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2, 3, 4, priority=LONG)
    assert await engine.preparing() == 1
    tasks += await submitted(batcher, 10, priority=1)
    engine.let_prepare(2)

    assert await engine.running() == [1, 10]
    engine.let_prepare(3)
    engine.finish(2)
    await asyncio.gather(*tasks)
    assert engine.batches[1:] == [[2, 3, 4]]


async def test_urgent_items_fill_a_batch_together(engine: Engine) -> None:
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, 3, priority=LONG)
    tasks += await submitted(batcher, 4, 5, priority=1)
    engine.finish(3)
    await asyncio.gather(*tasks)

    assert engine.batches == [[1], [4, 5], [2, 3]]


async def test_realtime_items_share_batches_with_nothing_else(engine: Engine) -> None:
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, priority=1)
    tasks += await submitted(batcher, 3, 4, priority=0)
    engine.finish(3)
    await asyncio.gather(*tasks)

    assert engine.batches == [[1], [3, 4], [2]]


async def test_a_realtime_item_does_not_wait_for_a_batch_that_is_being_prepared(engine: Engine) -> None:
    engine.hold_preparations()
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2, priority=1)
    assert await engine.preparing() == 1
    tasks += await submitted(batcher, 10, priority=0)
    engine.let_prepare(2)

    assert await engine.running() == [10]
    engine.let_prepare(1)
    engine.finish(2)
    await asyncio.gather(*tasks)
    assert engine.batches == [[10], [1, 2]]


async def test_a_request_with_many_items_does_not_starve_one_with_few(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=2)
    tasks = await submitted(batcher, *range(10), key="many", priority=LONG)
    await engine.running()
    tasks += await submitted(batcher, 100, 101, key="few", priority=LONG)
    engine.finish(100)
    await asyncio.gather(*tasks)

    place = [100 in batch or 101 in batch for batch in engine.batches]
    assert max(i for i, found in enumerate(place) if found) <= 3


async def test_a_newcomer_does_not_starve_a_request_that_has_been_served_for_long(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, *range(20), key="old", priority=LONG)
    for _ in range(10):
        await engine.running()
        engine.finish()
    await engine.running()  # ten are done, one runs
    tasks += await submitted(batcher, *range(100, 110), key="new", priority=LONG)
    engine.finish(100)
    await asyncio.gather(*tasks)

    after = [batch[0] for batch in engine.batches[11:]]
    assert [item >= 100 for item in after[:8]].count(True) == 4


async def test_a_stream_of_newcomers_leaves_an_old_request_its_half(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, *range(30), key="old", priority=LONG)
    for newcomer in range(20):
        await engine.running()
        tasks += await submitted(batcher, 100 + newcomer, key=f"new{newcomer}", priority=LONG)
        engine.finish()
        await engine.running()
        engine.finish()
    served = [batch[0] for batch in engine.batches]
    engine.finish(100)
    await asyncio.gather(*tasks)

    assert sum(item < 100 for item in served) >= 18


async def test_an_old_request_has_turns_even_when_newcomers_alone_would_fill_the_engine(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, *range(30), key="old", priority=LONG)
    for newcomer in range(20):
        await engine.running()
        tasks += await submitted(batcher, 100 + newcomer, key=f"new{newcomer}", priority=LONG)
        engine.finish()
    served = [batch[0] for batch in engine.batches]
    engine.finish(100)
    await asyncio.gather(*tasks)

    assert sum(item < 100 for item in served) >= 4  # each round is longer than the one before


async def test_a_short_request_after_a_short_request_waits_for_no_history(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    for _ in range(3):  # the engine is idle in between
        (task,) = await submitted(batcher, 1, key="again", priority=LONG)
        await engine.running()
        engine.finish()
        await task
    tasks = await submitted(batcher, 2, key="again", priority=LONG)
    tasks += await submitted(batcher, 3, key="other", priority=LONG)
    engine.finish(2)
    await asyncio.gather(*tasks)

    assert engine.batches[3:] == [[2], [3]]


async def test_an_account_with_many_requests_gets_no_more_than_one_with_few(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, 1)
    await engine.running()
    for request in range(10):
        tasks += await submitted(batcher, 100 + request, account="many", key=f"request{request}")
    tasks += await submitted(batcher, 201, 202, 203, account="few", key="one")
    engine.finish(100)
    await asyncio.gather(*tasks)

    after = [batch[0] for batch in engine.batches[1:]]
    assert [item // 100 for item in after[:6]] == [1, 2, 1, 2, 1, 2]


async def test_the_requests_of_one_account_take_turns(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 100, 101, 102, account="a", key="long")
    tasks += await submitted(batcher, 200, 201, account="a", key="short")
    engine.finish(100)
    await asyncio.gather(*tasks)

    assert [batch[0] for batch in engine.batches[1:]] == [100, 200, 101, 201, 102]


async def test_requests_of_the_same_name_from_two_accounts_are_two(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 100, 101, account="a", key="same")
    tasks += await submitted(batcher, 200, 201, account="b", key="same")
    engine.finish(100)
    await asyncio.gather(*tasks)

    assert [batch[0] for batch in engine.batches[1:]] == [100, 200, 101, 201]


async def test_jobs_go_after_what_somebody_waits_for(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, 1)
    await engine.running()
    for item, priority in ((2, 3), (3, 2), (4, 1), (5, 0)):
        tasks += await submitted(batcher, item, priority=priority)
    engine.finish(10)
    await asyncio.gather(*tasks)

    assert engine.batches[1:] == [[5], [4], [3], [2]]


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


# Bounds


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
    tasks += [kept, *await submitted(batcher, 4, priority=0)]

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
    tasks += await submitted(batcher, 2, priority=1)

    for priority in (1, LONG, 3):
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
    tasks += await submitted(batcher, 2, priority=0, audio_s=2.5)
    tasks += await submitted(batcher, 3, 4, priority=LONG, audio_s=28.0)
    (gone,) = await submitted(batcher, 5, priority=LONG, audio_s=28.0)
    gone.cancel()
    await asyncio.wait([gone])

    assert batcher.load().waiting_audio_s == (2.5, 0, 56, 0)
    engine.finish(10)
    await asyncio.gather(*tasks)
    assert batcher.load().waiting_audio_s == (0, 0, 0, 0)


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
