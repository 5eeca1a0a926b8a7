"""What becomes of jobs around their attempts: their order, what a sweep mends, and their events."""

from __future__ import annotations

from typing import Any

import pytest
from job_world import ChunkTranscriber, Funded, World, queue_rows, start, statuses_in_queue

from serve_app.errors import (
    Conflict,
    CorruptMedia,
)


async def test_short_jobs_go_before_long_ones_and_tenants_take_turns(world: World, funded: Funded) -> None:
    await world.database.sql.run("DELETE FROM procrastinate_jobs")
    await world.database.sql.run("UPDATE jobs SET fair_start = 0, fair_end = 0")
    busy, other = await funded(1000), await funded(1000)
    world.claims_s = 3600.0
    long = await world.started(busy)
    world.claims_s = 60.0
    short = [await world.started(busy) for _ in range(3)]
    single = await world.started(other)
    order = [job for job, status, _ in await queue_rows(world.database) if status == "todo"]
    assert order.index(long.id) == 4
    assert order.index(single.id) == 1
    assert [job for job in order if job not in (long.id, single.id)] == [job.id for job in short]


# Sweeping


async def test_jobs_missing_from_the_queue_are_put_back(world: World, funded: Funded) -> None:
    account = await funded(10)
    job, done = await world.started(account), await world.started(account)
    await world.worker().run(done.id)
    await world.sweeper().sweep()
    await world.database.sql.run("DELETE FROM procrastinate_jobs WHERE lock IN (:a, :b)", a=job.id, b=done.id)
    assert (await world.sweeper().sweep()).found == 1
    assert await statuses_in_queue(world.database, job.id) == ["todo"]
    assert await statuses_in_queue(world.database, done.id) == []
    assert (await world.sweeper().sweep()).found == 0


async def test_slots_that_nobody_started_expire_and_their_uploads_go(world: World, funded: Funded) -> None:
    account = await funded(10)
    left, started = await world.uploaded(account), await world.started(account)
    world.let_pass(hours=2)
    with pytest.raises(Conflict):
        await world.service.start(account.id, left.id, start(), kind="stt")
    swept = await world.sweeper().sweep()
    assert swept.expired >= 1
    assert (await world.job(left)).status == "expired"
    await world.sweeper().sweep()
    assert await world.objects.stat(left.upload_key or "") is None
    assert await world.objects.stat(started.upload_key or "") is not None


async def test_reservations_of_waiting_jobs_do_not_lapse(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account)
    await world.database.sql.run("UPDATE reservations SET expires_at = now() + interval '1 second'")
    assert (await world.sweeper().sweep()).kept >= 1
    world.let_pass(minutes=1)
    await world.database.ledger.sweep(world.now())
    await world.worker().run(job.id)
    assert await world.ledger_lines(account) == ["grant", "reserve", "capture"]


async def test_uploads_of_completed_jobs_go_and_those_of_failed_ones_are_kept_for_a_while(
    world: World, funded: Funded
) -> None:
    account = await funded(10)
    completed, failed = await world.started(account), await world.started(account)
    await world.worker().run(completed.id)

    def broken(number: int) -> None:
        raise CorruptMedia("The file is damaged.")

    await world.worker(ChunkTranscriber(before=broken)).run(failed.id)
    await world.sweeper().sweep()
    assert await world.objects.stat(completed.upload_key or "") is None
    assert await world.objects.stat(failed.upload_key or "") is not None
    world.let_pass(days=8)
    await world.sweeper().sweep()
    assert await world.objects.stat(failed.upload_key or "") is None
    with pytest.raises(Conflict, match="upload of this job is gone"):
        await world.service.run_again(account.id, failed.id)


# Events


async def test_ends_that_a_client_waits_for_become_events_once(world: World, funded: Funded) -> None:
    account = await funded(20)
    url = "https://example.com/hook"
    completed, cancelled = [await world.started(account, webhook_url=url) for _ in range(2)]
    await world.worker().run(completed.id)
    await world.service.cancel(account.id, cancelled.id)
    taken: list[Any] = []
    for _ in range(2):
        taken += await world.database.jobs.due_events(limit=10, lease_s=60)
    assert [(d.url, d.event["type"], d.event["data"]["job_id"], d.attempt) for d in taken] == [
        (url, "job.completed", completed.id, 1)
    ]
    await world.database.jobs.settle_event(taken[0].id, outcome="503", again_after_s=0)
    again = await world.database.jobs.due_events(limit=10, lease_s=60)
    assert [(d.id, d.attempt) for d in again] == [(taken[0].id, 2)]
    await world.database.jobs.settle_event(taken[0].id, outcome="204", again_after_s=None)
    assert await world.database.jobs.due_events(limit=10, lease_s=0) == []
