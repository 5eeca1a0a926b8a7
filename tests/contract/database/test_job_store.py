"""Jobs as callers and workers see them: every change whole or not at all, and charged exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from job_world import PAID, QUICK, UNCHARGED, ChunkTranscriber, World, start

from serve_app.adapters.database import Database
from serve_app.admission.plans import Plan
from serve_app.errors import (
    Conflict,
    CorruptMedia,
    InsufficientCredits,
    InvalidRequest,
    ModelUnavailable,
    NotFound,
    NotReady,
    QuotaExceeded,
    UploadMissing,
    ZeroBalance,
)
from serve_app.jobs.model import Job
from serve_app.jobs.worker import TryAgain
from serve_app.ports.records import Account

Funded = Callable[[int], Awaitable[Account]]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, tmp_path, claims_s=120.0)


async def queue_rows(database: Database) -> list[tuple[str, str, int]]:
    rows = await database.sql.rows(
        "SELECT args->>'job_id' AS job, status::text AS status, priority FROM procrastinate_jobs "
        "ORDER BY priority DESC, id"
    )
    return [(row["job"], row["status"], row["priority"]) for row in rows]


async def statuses_in_queue(database: Database, job_id: str) -> list[str]:
    return [status for job, status, _ in await queue_rows(database) if job == job_id]


async def silence(world: World, job: Job) -> None:
    """Let the attempt that runs have been silent for long enough to be dead."""
    await world.database.sql.run("UPDATE jobs SET alive_at = now() - interval '1 hour' WHERE id = :id", id=job.id)


# Slots and starts


async def test_a_started_job_is_queued_with_its_credits_reserved(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.started(account, chunks=4)
    assert (job.status, job.credits_reserved) == ("queued", 2)
    assert await world.database.ledger.balance(account.id) == 8
    assert await statuses_in_queue(world.database, job.id) == ["todo"]
    assert await world.service.get(account.id, job.id) == job


async def test_a_job_without_upload_cannot_be_started(world: World, funded: Funded) -> None:
    account = await funded(10)
    job, url = await world.service.create_slot(account.id, kind="stt", content_type="audio/wav", max_bytes=9)
    assert url.headers == {"Content-Type": "audio/wav"}
    with pytest.raises(UploadMissing):
        await world.service.start(account.id, job.id, start(), kind="stt")
    assert await world.database.ledger.balance(account.id) == 10


async def test_the_same_start_again_is_the_same_job_and_another_is_refused(world: World, funded: Funded) -> None:
    account = await funded(10)
    job = await world.uploaded(account)
    same = start(PAID, language="en", speakers=2)
    started = await asyncio.gather(*(world.service.start(account.id, job.id, same, kind="stt") for _ in range(6)))
    assert sorted(new for _, new in started) == [False] * 5 + [True]
    assert await world.database.ledger.balance(account.id) == 8
    with pytest.raises(Conflict):
        await world.service.start(account.id, job.id, start(PAID, language="de"), kind="stt")
    assert await statuses_in_queue(world.database, job.id) == ["todo"]


async def test_a_start_that_the_balance_does_not_cover_leaves_nothing_behind(world: World, funded: Funded) -> None:
    poor, broke = await funded(1), await funded(0)
    job, other = await world.uploaded(poor), await world.uploaded(broke)
    with pytest.raises(InsufficientCredits):
        await world.service.start(poor.id, job.id, start(), kind="stt")
    with pytest.raises(ZeroBalance):
        await world.service.start(broke.id, other.id, start(), kind="stt")
    assert (await world.job(job)).status == "waiting_upload"
    assert await statuses_in_queue(world.database, job.id) == []
    await world.database.ledger.grant(poor.id, 9, reference="more")
    assert (await world.service.start(poor.id, job.id, start(), kind="stt"))[1]


async def test_a_bad_webhook_url_is_refused_at_the_start(world: World, funded: Funded) -> None:
    world.refused_urls.add("http://10.0.0.1/")
    account = await funded(10)
    job = await world.uploaded(account)
    with pytest.raises(InvalidRequest):
        await world.service.start(account.id, job.id, start(webhook_url="http://10.0.0.1/"), kind="stt")
    assert (await world.job(job)).status == "waiting_upload"


async def test_foreign_jobs_do_not_exist(world: World, funded: Funded) -> None:
    owner, stranger = await funded(10), await funded(10)
    job = await world.started(owner)
    for call in (
        world.service.get(stranger.id, job.id),
        world.service.cancel(stranger.id, job.id),
        world.service.run_again(stranger.id, job.id),
        world.service.transcript(stranger.id, job.id),
        world.service.start(stranger.id, job.id, start(), kind="stt"),
        world.service.get(owner.id, "no-id"),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await world.service.page(stranger.id))[0] == []


async def test_an_account_may_have_so_many_open_jobs(database: Database, tmp_path: Path, funded: Funded) -> None:
    world = World(database, tmp_path)
    world.service._settings = replace(QUICK, max_open_jobs=2)
    account = await funded(0)
    first = await world.uploaded(account)
    await world.uploaded(account)
    with pytest.raises(QuotaExceeded):
        await world.uploaded(account)
    await world.service.cancel(account.id, first.id)
    await world.uploaded(account)


async def test_a_plans_minutes_count_for_jobs_and_come_back_when_they_fail(world: World, funded: Funded) -> None:
    account = await funded(0)
    plan = Plan(name="free", audio_s_per_month=300)
    job = await world.started(account, plan=plan)
    assert (job.reservation_id, job.credits_reserved) == (None, 0)
    assert await world.database.quotas.used(f"audio:account:{account.id}") == 120
    await world.worker().run(job.id)
    assert await world.database.quotas.used(f"audio:account:{account.id}") == 120
    cancelled = await world.started(account, plan=plan)
    with pytest.raises(QuotaExceeded):
        await world.started(account, plan=plan)
    await world.service.cancel(account.id, cancelled.id)
    assert await world.database.quotas.used(f"audio:account:{account.id}") == 120


async def test_jobs_are_listed_newest_first_in_pages(world: World, funded: Funded) -> None:
    account = await funded(100)
    made = [await world.uploaded(account) for _ in range(5)]
    await world.service.cancel(account.id, made[0].id)
    first, cursor = await world.service.page(account.id, limit=3)
    rest, end = await world.service.page(account.id, limit=3, before=cursor)
    assert [job.id for job in [*first, *rest]] == [job.id for job in reversed(made)]
    assert end is None
    assert [job.id for job in (await world.service.page(account.id, status="cancelled"))[0]] == [made[0].id]
    assert (await world.service.page(account.id, kind="tts"))[0] == []


# Running


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


# The order of the queue


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
