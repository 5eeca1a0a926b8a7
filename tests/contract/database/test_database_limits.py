"""Leases and allowances are exact over several replicas, and what they tell the refused is true."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

import pytest

from serve_app.adapters.database import Database
from serve_app.adapters.database.limits import LONGEST_LEASE_WAIT_S
from serve_app.errors import ConcurrencyLimit, QuotaExceeded


async def outcome(attempt: Awaitable[str]) -> str:
    try:
        await attempt
        return "admitted"
    except (ConcurrencyLimit, QuotaExceeded) as refused:
        return refused.error_code


async def test_a_burst_over_two_replicas_gets_exactly_the_cap(database: Database, other_replica: Database) -> None:
    burst = [
        outcome((database, other_replica)[number % 2].leases.acquire("burst", cap=5, ttl_s=60)) for number in range(120)
    ]
    assert Counter(await asyncio.gather(*burst)) == {"admitted": 5, "STT_CONCURRENCY_LIMIT": 115}


async def test_buckets_do_not_share_a_cap(database: Database) -> None:
    await database.leases.acquire("one", cap=1, ttl_s=60)
    await database.leases.acquire("two", cap=1, ttl_s=60)


async def test_a_released_lease_is_free_at_once(database: Database) -> None:
    lease = await database.leases.acquire("freed", cap=1, ttl_s=60)
    await database.leases.release(lease)
    await database.leases.release(lease)
    await database.leases.acquire("freed", cap=1, ttl_s=60)


async def test_a_lease_that_nobody_renews_is_free_again_and_its_holder_learns_of_it(database: Database) -> None:
    crashed = await database.leases.acquire("crashed", cap=1, ttl_s=0)
    await database.leases.acquire("crashed", cap=1, ttl_s=60)
    assert not await database.leases.renew(crashed, ttl_s=60)


async def test_a_renewed_lease_lives_on(database: Database) -> None:
    lease = await database.leases.acquire("renewed", cap=1, ttl_s=10)
    assert await database.leases.renew(lease, ttl_s=60)
    with pytest.raises(ConcurrencyLimit) as refused:
        await database.leases.acquire("renewed", cap=1, ttl_s=60)
    assert refused.value.retry_after_s == LONGEST_LEASE_WAIT_S


async def test_the_refused_learn_the_cap_and_when_the_first_lease_could_lapse(database: Database) -> None:
    for ttl_s in (60, 8, 60):
        await database.leases.acquire("told", cap=3, ttl_s=ttl_s)
    with pytest.raises(ConcurrencyLimit) as refused:
        await database.leases.acquire("told", cap=3, ttl_s=60)
    assert refused.value.details == {"limit": 3}
    assert refused.value.retry_after_s in (7, 8)


async def test_lapsed_leases_are_swept_and_live_ones_stay(database: Database) -> None:
    await database.leases.sweep()
    await database.leases.acquire("swept", cap=2, ttl_s=0)
    await database.leases.acquire("swept too", cap=2, ttl_s=0)
    live = await database.leases.acquire("live", cap=2, ttl_s=60)
    assert await database.leases.sweep() == 2
    assert await database.leases.renew(live, ttl_s=60)


async def test_a_cap_of_nothing_admits_nobody(database: Database) -> None:
    with pytest.raises(ConcurrencyLimit) as refused:
        await database.leases.acquire("closed", cap=0, ttl_s=60)
    assert refused.value.retry_after_s == LONGEST_LEASE_WAIT_S


async def test_three_a_day_are_three(database: Database, other_replica: Database) -> None:
    burst = [
        outcome((database, other_replica)[number % 2].quotas.use("ip", cap=3, window_s=86_400)) for number in range(60)
    ]
    assert Counter(await asyncio.gather(*burst)) == {"admitted": 3, "QUOTA_EXCEEDED": 57}
    with pytest.raises(QuotaExceeded) as refused:
        await database.quotas.use("ip", cap=3, window_s=86_400)
    assert refused.value.details == {"limit": 3}
    assert 86_300 < (refused.value.retry_after_s or 0) <= 86_400


async def test_what_is_given_back_can_be_used_again(database: Database) -> None:
    used = await database.quotas.use("back", cap=1, window_s=60)
    await database.quotas.give_back(used)
    await database.quotas.use("back", cap=1, window_s=60)


async def test_seconds_are_counted_as_they_are_known(database: Database) -> None:
    used = await database.quotas.use("month", cap=600, window_s=60, amount=60)
    await database.quotas.settle(used, amount=550)
    assert await database.quotas.used("month") == 550
    with pytest.raises(QuotaExceeded):
        await database.quotas.use("month", cap=600, window_s=60, amount=51)
    await database.quotas.use("month", cap=600, window_s=60, amount=50)


async def test_uses_leave_the_window_and_are_swept(database: Database) -> None:
    await database.quotas.sweep()
    await database.quotas.use("gone", cap=1, window_s=0)
    assert await database.quotas.used("gone") == 0
    await database.quotas.use("gone", cap=1, window_s=0)
    assert await database.quotas.sweep() == 1


async def test_the_wait_lasts_until_enough_has_left_the_window(database: Database) -> None:
    await database.quotas.use("wait", cap=10, window_s=20, amount=2)
    await database.quotas.use("wait", cap=10, window_s=40, amount=6)
    for amount, wait_s in ((4, 20), (6, 40), (11, 90)):
        with pytest.raises(QuotaExceeded) as refused:
            await database.quotas.use("wait", cap=10, window_s=90, amount=amount)
        assert wait_s - 2 < (refused.value.retry_after_s or 0) <= wait_s
