"""Who goes first at a busy engine: it is shared fairly, and realtime waits for one step."""

from __future__ import annotations

import asyncio

import pytest
from batch_engine import Engine, batcher_over, submitted

from serve_app.pipeline.load import BACKGROUND, INTERACTIVE, LONG, PARTIAL, REALTIME


async def test_lower_priorities_go_first(engine: Engine) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, 1)
    await engine.running()
    for item, priority in ((2, LONG), (3, INTERACTIVE), (4, REALTIME), (5, LONG)):
        tasks += await submitted(batcher, item, priority=priority)
    engine.finish(5)
    await asyncio.gather(*tasks)

    assert engine.batches == [[1], [4], [3], [2], [5]]


async def test_an_urgent_item_joins_a_batch_that_is_being_prepared_and_closes_it(engine: Engine) -> None:
    engine.hold_preparations()
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2, 3, 4, priority=LONG)
    assert await engine.preparing() == 1
    tasks += await submitted(batcher, 10, priority=INTERACTIVE)
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
    tasks += await submitted(batcher, 4, 5, priority=INTERACTIVE)
    engine.finish(3)
    await asyncio.gather(*tasks)

    assert engine.batches == [[1], [4, 5], [2, 3]]


async def test_realtime_items_share_batches_with_nothing_else(engine: Engine) -> None:
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, priority=INTERACTIVE)
    tasks += await submitted(batcher, 3, 4, priority=REALTIME)
    engine.finish(3)
    await asyncio.gather(*tasks)

    assert engine.batches == [[1], [3, 4], [2]]


async def test_a_realtime_item_does_not_wait_for_a_batch_that_is_being_prepared(engine: Engine) -> None:
    engine.hold_preparations()
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, 2, priority=INTERACTIVE)
    assert await engine.preparing() == 1
    tasks += await submitted(batcher, 10, priority=REALTIME)
    engine.let_prepare(2)

    assert await engine.running() == [10]
    engine.let_prepare(1)
    engine.finish(2)
    await asyncio.gather(*tasks)
    assert engine.batches == [[10], [1, 2]]


async def test_a_sessions_guess_goes_alone_and_its_finals_before_everything(engine: Engine) -> None:
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1)
    await engine.running()
    tasks += await submitted(batcher, 2, 3, priority=INTERACTIVE)
    tasks += await submitted(batcher, 4, 5, priority=PARTIAL)
    tasks += await submitted(batcher, 6, priority=REALTIME)
    engine.finish(5)
    await asyncio.gather(*tasks)

    assert engine.batches == [[1], [6], [4], [2, 3], [5]]


@pytest.mark.parametrize("priority", [INTERACTIVE, LONG])
async def test_guesses_without_end_leave_recordings_their_share(engine: Engine, priority: int) -> None:
    batcher = batcher_over(engine, max_batch=1)
    tasks = await submitted(batcher, *range(100, 110), priority=priority)
    for guess in range(30):
        tasks += await submitted(batcher, guess, key=f"session{guess % 3}", priority=PARTIAL)
        await engine.running()
        engine.finish()
    served = [batch[0] for batch in engine.batches]
    engine.finish(100)
    await asyncio.gather(*tasks)

    assert sum(item >= 100 for item in served) >= 6


async def test_a_prepared_batch_waits_for_nothing_that_cannot_join_it(engine: Engine) -> None:
    engine.hold_preparations()
    batcher = batcher_over(engine)
    tasks = await submitted(batcher, 1, priority=LONG)
    assert await engine.preparing() == 1
    tasks += await submitted(batcher, 2, 3, priority=PARTIAL)
    engine.let_prepare(3)

    assert await engine.running() == [1]
    engine.finish(3)
    await asyncio.gather(*tasks)


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
    for item, priority in ((2, BACKGROUND), (3, LONG), (4, INTERACTIVE), (5, REALTIME)):
        tasks += await submitted(batcher, item, priority=priority)
    engine.finish(10)
    await asyncio.gather(*tasks)

    assert engine.batches[1:] == [[5], [4], [3], [2]]
