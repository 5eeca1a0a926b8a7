"""Jobs as measurements: how attempts ended, what was charged, and what waits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from job_world import QUICK, ChunkTranscriber, Funded, World, spool

from serve_app.adapters.database.backlog import job_backlog
from serve_app.billing.prices import PriceList
from serve_app.errors import CorruptMedia, ModelUnavailable
from serve_app.jobs.worker import JobWorker, TryAgain
from serve_app.ports import metrics

sys.path.append(str(Path(__file__).parents[2] / "unit"))
from memory_meter import MemoryMeter


@pytest.fixture
def meter() -> MemoryMeter:
    return MemoryMeter()


def measured_worker(world: World, meter: MemoryMeter, transcriber: ChunkTranscriber | None = None) -> JobWorker:
    return JobWorker(
        stores=world.database,
        objects=world.objects,
        transcribe=(transcriber or world.transcriber).transcribe,
        prices=PriceList(),
        spool=spool,
        settings=QUICK,
        now=world.now,
        meter=meter,
    )


def failing(fault: Exception) -> ChunkTranscriber:
    def fail(_: int) -> None:
        raise fault

    return ChunkTranscriber(before=fail)


async def test_a_completed_job_counts_with_its_credits(world: World, funded: Funded, meter: MemoryMeter) -> None:
    job = await world.started(await funded(10))
    await measured_worker(world, meter).run(job.id)
    assert meter.total(metrics.JOBS, kind="stt", outcome="completed") == 1
    assert meter.total(metrics.CREDITS, feature="stt") == 2


async def test_failures_count_as_what_follows_from_them(world: World, funded: Funded, meter: MemoryMeter) -> None:
    account = await funded(10)
    again, broken = await world.started(account), await world.started(account)
    with pytest.raises(TryAgain):
        await measured_worker(world, meter, failing(ModelUnavailable("away"))).run(again.id)
    await measured_worker(world, meter, failing(CorruptMedia("broken"))).run(broken.id)
    assert meter.total(metrics.JOBS, kind="stt", outcome="try_again") == 1
    assert meter.total(metrics.JOBS, kind="stt", outcome="failed") == 1
    assert meter.total(metrics.CREDITS, feature="stt") == 0


async def test_a_job_that_is_handed_back_counts_so(world: World, funded: Funded, meter: MemoryMeter) -> None:
    job = await world.started(await funded(10))
    waiting = ChunkTranscriber(door=asyncio.Event())
    running = asyncio.create_task(measured_worker(world, meter, waiting).run(job.id))
    await waiting.at_door.wait()
    running.cancel()
    await asyncio.wait([running])
    assert meter.total(metrics.JOBS, kind="stt", outcome="handed_back") == 1


async def test_the_backlog_is_what_has_not_ended_and_how_long_it_waits(world: World, funded: Funded) -> None:
    before = await job_backlog(world.database.sql)
    account = await funded(20)
    await world.uploaded(account)
    queued = [await world.started(account) for _ in range(2)]
    await world.database.sql.run(
        "UPDATE jobs SET queued_at = clock_timestamp() - interval '1 hour' WHERE id = :id", id=queued[0].id
    )
    now = await job_backlog(world.database.sql)
    assert (now.waiting_upload - before.waiting_upload, now.queued - before.queued) == (1, 2)
    assert now.oldest_queued_s == pytest.approx(3600, abs=60)
    await world.worker().run(queued[0].id)
    assert (await job_backlog(world.database.sql)).queued == now.queued - 1
