"""Attempts at jobs: every end whole or not at all, and charged exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from job_world import QUICK, UNCHARGED, ChunkTranscriber, Funded, World, statuses_in_queue

from serve_app.adapters.database import Database
from serve_app.errors import (
    Conflict,
    CorruptMedia,
    ModelUnavailable,
    NotReady,
)
from serve_app.jobs.model import Job
from serve_app.jobs.worker import TryAgain


async def silence(world: World, job: Job) -> None:
    """Let the attempt that runs have been silent for long enough to be dead."""
    await world.database.sql.run("UPDATE jobs SET alive_at = now() - interval '1 hour' WHERE id = :id", id=job.id)


async def test_a_job_ends_with_its_transcript_charged_once(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account, chunks=4)
    with pytest.raises(NotReady):
        await world.service.transcript(account.id, job.id)
    await world.worker().run(job.id)
    done = await world.job(job)
    assert (done.status, done.progress, done.credits_charged, done.attempts) == ("completed", 1.0, 2, 1)
    stored = await world.service.transcript(account.id, job.id)
    assert stored.text == "word0 word1 word2 word3"
    assert stored.entry.title == "meeting.wav"
    assert await world.ledger_lines(account) == ["grant", "reserve", "capture"]
    assert await world.database.ledger.balance(account.id) == 8
    usage = await world.database.usage.by_day(account.id)
    assert [(day.feature, day.requests, day.audio_s, day.credits) for day in usage] == [("stt", 1, 120.0, 2)]
    assert await world.database.jobs.checkpoint_keys(job.id) == set()
    await world.worker().run(job.id)  # the queue gives it out once more: nothing happens
    assert await world.ledger_lines(account) == ["grant", "reserve", "capture"]


async def test_progress_can_be_watched(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account, chunks=4)
    door = world.transcriber.door = asyncio.Event()
    world.transcriber.closed_from = 2
    running = asyncio.create_task(world.worker().run(job.id))
    await world.transcriber.at_door.wait()
    while (seen := await world.job(job)).progress < 0.4:  # noqa: ASYNC110 - the reports are another process's business
        await asyncio.sleep(0.01)
    assert (seen.status, seen.stage, seen.attempts) == ("processing", "recognizing", 1)
    door.set()
    await running
    assert (await world.job(job)).progress == 1.0


async def test_a_recording_longer_than_it_claims_is_reserved_in_full(
    database: Database, tmp_path: Path, funded: Funded
) -> None:
    world = World(database, tmp_path, claims_s=None)
    account, poor = await funded(10), await funded(2)
    job, too_much = await world.started(account, chunks=8), await world.started(poor, chunks=8)
    assert (job.credits_reserved, job.audio_s) == (1, None)
    await world.worker().run(job.id)
    done = await world.job(job)
    assert (done.credits_reserved, done.credits_charged, done.audio_s) == (4, 4, 240.0)
    await world.worker().run(too_much.id)
    failed = await world.job(too_much)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == ("failed", "INSUFFICIENT_CREDITS")
    assert await database.ledger.balance(poor.id) == 2


async def test_a_plan_without_charges_costs_nothing(world: World, funded: Funded) -> None:
    account = await funded(0)
    job = await world.started(account, plan=UNCHARGED)
    await world.worker().run(job.id)
    assert (await world.job(job)).status == "completed"
    assert await world.ledger_lines(account) == []


async def test_a_file_that_cannot_be_read_fails_at_once_and_costs_nothing(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account)

    def broken(number: int) -> None:
        raise CorruptMedia("The file is damaged.")

    world.transcriber.before = broken
    await world.worker().run(job.id)
    failed = await world.job(job)
    assert failed.error is not None
    assert (failed.status, failed.error.code, failed.attempts) == ("failed", "CORRUPT_MEDIA", 1)
    assert await world.database.ledger.balance(account.id) == 10
    assert await world.ledger_lines(account) == ["grant", "reserve", "release"]


async def test_a_fault_of_the_service_is_tried_again_without_redoing_chunks(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account, chunks=4)
    faults = iter([ModelUnavailable("away"), None, RuntimeError("a bug"), None, None])

    def unreliable(number: int) -> None:
        fault = next(faults, None) if number >= 1 else None
        if fault is not None:
            raise fault

    world.transcriber.before = unreliable
    for _ in range(2):
        with pytest.raises(TryAgain):
            await world.worker().run(job.id)
        assert (await world.job(job)).status == "queued"
    await world.worker().run(job.id)
    assert (await world.job(job)).status == "completed"
    assert world.transcriber.asked == {0: 1, 1: 1, 2: 1, 3: 1}
    assert await world.ledger_lines(account) == ["grant", "reserve", "capture"]


async def test_a_job_that_keeps_killing_its_worker_fails_and_gives_its_credits_back(
    world: World, funded: Funded
) -> None:
    account = await funded(10)
    job = await world.started(account)
    for _ in range(3):
        await world.worker()._picked_up(job.id)  # and then the worker is gone
        await silence(world, job)
    await world.worker().run(job.id)
    failed = await world.job(job)
    assert failed.error is not None
    assert (failed.status, failed.attempts) == ("failed", 3)
    assert "workers that ran this job stopped" in failed.error.message
    assert await world.database.ledger.balance(account.id) == 10
    again = await world.service.run_again(account.id, job.id)
    assert (again.status, again.credits_reserved) == ("queued", 2)
    await world.worker().run(job.id)
    assert (await world.job(job)).status == "completed"
    assert await world.ledger_lines(account) == ["grant", "reserve", "release", "reserve", "capture"]


async def test_a_job_that_gets_on_between_deaths_is_not_given_up(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account, chunks=8)
    for number in range(6):
        picked = await world.worker()._picked_up(job.id)
        assert await world.database.jobs.save_checkpoint(job.id, f"{number}", b"x", attempt=picked.attempts)
        await silence(world, job)
    await world.worker().run(job.id)
    assert (await world.job(job)).status == "completed"


async def test_a_worker_that_was_taken_for_dead_changes_nothing_any_more(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account, chunks=4)
    slow = ChunkTranscriber(door=asyncio.Event(), closed_from=2)
    no_reports = replace(QUICK, report_s=3600.0)
    first = asyncio.create_task(world.worker(slow, no_reports).run(job.id))
    await slow.at_door.wait()
    await world.worker().run(job.id)  # the first one was heard of a moment ago
    assert world.transcriber.asked == {}
    await silence(world, job)
    await world.worker().run(job.id)
    assert world.transcriber.asked == {2: 1, 3: 1}
    assert slow.door is not None
    slow.door.set()
    await first
    done = await world.job(job)
    assert (done.status, done.attempts) == ("completed", 2)
    assert await world.ledger_lines(account) == ["grant", "reserve", "capture"]


async def test_a_worker_that_is_shut_down_hands_its_job_back_without_blame(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account)
    world.transcriber.door, world.transcriber.closed_from = asyncio.Event(), 1
    running = asyncio.create_task(world.worker().run(job.id))
    await world.transcriber.at_door.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    back = await world.job(job)
    assert (back.status, back.attempts_allowed - back.attempts) >= ("queued", 3)
    world.transcriber.door.set()
    await world.worker().run(job.id)
    assert (await world.job(job)).status == "completed"
    assert world.transcriber.asked == {0: 1, 1: 1, 2: 1, 3: 1}


async def test_cancelling_stops_the_work_and_releases_the_credits(world: World, funded: Funded) -> None:
    account = await funded(10)
    job, waiting = await world.started(account), await world.started(account)
    world.transcriber.door = asyncio.Event()
    running = asyncio.create_task(world.worker().run(job.id))
    await world.transcriber.at_door.wait()
    for _ in range(2):
        assert (await world.service.cancel(account.id, job.id)).status == "cancelled"
    await asyncio.wait_for(running, 5)  # it hears of it by its next report
    await world.service.cancel(account.id, waiting.id)
    assert await statuses_in_queue(world.database, waiting.id) == ["cancelled"]
    assert await world.database.ledger.balance(account.id) == 10
    await world.worker().run(waiting.id)
    assert (await world.job(waiting)).status == "cancelled"


async def test_what_has_completed_cannot_be_cancelled(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account)
    await world.worker().run(job.id)
    with pytest.raises(Conflict):
        await world.service.cancel(account.id, job.id)
    assert await world.database.ledger.balance(account.id) == 8
