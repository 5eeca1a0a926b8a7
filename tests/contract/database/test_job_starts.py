"""Upload slots, starts and lists: whole or not at all, and each account its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from job_world import PAID, QUICK, Funded, World, start, statuses_in_queue

from serve_app.adapters.database import Database
from serve_app.admission.plans import Plan
from serve_app.errors import (
    Conflict,
    InsufficientCredits,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    UploadMissing,
    ZeroBalance,
)


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
