"""Killed connections, cancelled callers, full pools and locks: faults are named, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from serve_app.adapters.database import Database
from serve_app.adapters.database.database import sqlalchemy_url
from serve_app.adapters.database.sql import as_id
from serve_app.errors import DatabaseUnavailable, SpeechError
from serve_app.ports.records import Account

Funded = Callable[[int], Awaitable[Account]]
KILL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

SLOW_PID = "SELECT pg_backend_pid() FROM pg_sleep(0.05)"
ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:pids)"


async def test_the_pool_recovers_when_all_its_connections_were_killed(
    database: Database, other_replica: Database
) -> None:
    await asyncio.gather(*(database.ping() for _ in range(20)))
    assert await other_replica.sql.value(KILL) >= 1
    await asyncio.gather(*(database.ping() for _ in range(20)))


async def test_a_transaction_whose_connection_is_killed_leaves_nothing(
    database: Database, other_replica: Database, funded: Funded
) -> None:
    account = await funded(10)

    async def reserve_on_a_dying_connection() -> None:
        async with database.transaction() as transaction:
            await transaction.ledger.reserve(account.id, 4, feature="stt", reference="r", ttl_s=60)
            await other_replica.sql.value(KILL)
            await transaction.ledger.balance(account.id)

    with pytest.raises(DatabaseUnavailable) as fault:
        await reserve_on_a_dying_connection()
    assert (fault.value.status, fault.value.retry_after_s) == (503, 2)
    assert await database.ledger.balance(account.id) == 10


async def test_callers_cancelled_at_any_moment_leave_a_balance_that_the_sweeper_settles(
    database: Database, other_replica: Database, funded: Funded
) -> None:
    account = await funded(100)

    async def work() -> None:
        held = await database.ledger.reserve(account.id, 1, feature="stt", reference="r", ttl_s=600)
        await database.ledger.raise_to(held.id, 2)
        await database.ledger.capture(held.id, 1)

    tasks = [asyncio.create_task(work()) for _ in range(60)]
    for turns, task in enumerate(tasks):
        for _ in range(turns % 7):
            await asyncio.sleep(0)
        await other_replica.ping()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await other_replica.ledger.sweep(datetime.now(UTC) + timedelta(hours=1))
    lines = await database.ledger.entries(account.id, limit=1000)
    charged = sum(line.credits for line in lines if line.kind == "capture")
    assert await database.ledger.balance(account.id) == 100 - charged
    assert await database.ledger.discrepancies() == []
    await asyncio.gather(*(database.ping() for _ in range(20)))


async def test_connections_killed_under_load_leave_a_balance_that_the_sweeper_settles(
    database: Database, other_replica: Database, funded: Funded
) -> None:
    account = await funded(1000)

    async def work() -> None:
        held = await database.ledger.reserve(account.id, 2, feature="stt", reference="r", ttl_s=600)
        await database.ledger.capture(held.id, 1)

    tasks = [asyncio.create_task(work()) for _ in range(150)]
    for _ in range(6):
        await other_replica.sql.value(KILL)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, SpeechError) for outcome in outcomes)
    await other_replica.ledger.sweep(datetime.now(UTC) + timedelta(hours=1))
    lines = await other_replica.ledger.entries(account.id, limit=10_000)
    captures = [line for line in lines if line.kind == "capture"]
    assert len(captures) >= outcomes.count(None)
    assert await other_replica.ledger.balance(account.id) == 1000 - sum(line.credits for line in captures)


async def test_connections_that_nobody_needs_are_closed_and_made_again(url: str, database: Database) -> None:
    async with Database(url, idle_s=2) as after_a_peak:
        peak = await asyncio.gather(*(after_a_peak.sql.value(SLOW_PID) for _ in range(4)))
        async with asyncio.timeout(30):
            while await database.sql.value(ALIVE, pids=peak):
                await database.ping()
        await after_a_peak.ping()


async def test_a_full_pool_is_a_503_in_time(url: str) -> None:
    small = Database(url, pool_size=1, pool_timeout_s=0.05)
    try:
        async with small.transaction():
            with pytest.raises(DatabaseUnavailable) as fault:
                await small.ping()
        assert fault.value.details == {"reason": "TimeoutError"}
        await small.ping()
    finally:
        await small.close()


async def test_waiting_for_a_lock_ends(url: str, database: Database, funded: Funded) -> None:
    account = await funded(5)
    hasty = Database(url, lock_timeout_s=0.05)
    try:
        async with database.transaction() as transaction:
            await transaction.ledger.reserve(account.id, 1, feature="stt", reference="r", ttl_s=60)
            with pytest.raises(DatabaseUnavailable) as fault:
                await hasty.ledger.reserve(account.id, 1, feature="stt", reference="r", ttl_s=60)
        assert fault.value.details == {"reason": "LockNotAvailable"}
    finally:
        await hasty.close()


async def test_a_statement_that_takes_too_long_ends(url: str) -> None:
    hasty = Database(url, statement_timeout_s=0.05)
    try:
        with pytest.raises(DatabaseUnavailable) as fault:
            await hasty.sql.value("SELECT pg_sleep(30)")
        assert fault.value.details == {"reason": "QueryCanceled"}
    finally:
        await hasty.close()


async def test_a_database_that_is_not_there_is_a_503_without_its_address() -> None:
    absent = Database("postgresql://somebody:secret@127.0.0.1:9/nothing")
    for call in (absent.ping(), absent.migrate()):
        with pytest.raises(DatabaseUnavailable) as fault:
            await call
        assert "secret" not in str(fault.value)
        assert "127.0.0.1" not in str(fault.value)
    await absent.close()


def test_only_postgresql_is_accepted() -> None:
    assert sqlalchemy_url("postgres://u@h/d") == sqlalchemy_url("postgresql+asyncpg://u@h/d")
    for url in ("sqlite:///x", "mysql://h/d", "h/d", ""):
        with pytest.raises(ValueError, match="PostgreSQL"):
            sqlalchemy_url(url)


def test_what_is_no_id_is_nobodys() -> None:
    assert as_id("not an id") is None
