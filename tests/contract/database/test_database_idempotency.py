"""Requests that are repeated under one key: one runs, the others get its answer."""

from __future__ import annotations

import asyncio

import pytest

from serve_app.adapters.database import Database
from serve_app.errors import Conflict
from serve_app.ports.records import Replay

ANSWER = Replay(status=202, body=b'{"job_id": "\xff\x00"}', content_type="application/json")


async def begin(database: Database, account_id: str, *, fingerprint: bytes = b"f", ttl_s: float = 60) -> Replay | None:
    return await database.idempotency.begin(account_id, "key", fingerprint=fingerprint, ttl_s=ttl_s)


async def test_a_repeated_request_gets_the_first_answer(database: Database) -> None:
    account = await database.accounts.create()
    assert await begin(database, account.id) is None
    await database.idempotency.finish(account.id, "key", ANSWER)
    assert await begin(database, account.id) == ANSWER


async def test_of_many_at_once_one_runs(database: Database, other_replica: Database) -> None:
    account = await database.accounts.create()
    starts = await asyncio.gather(
        *(begin((database, other_replica)[n % 2], account.id) for n in range(40)), return_exceptions=True
    )
    assert starts.count(None) == 1
    assert sum(isinstance(start, Conflict) for start in starts) == 39


async def test_another_request_may_not_use_the_key(database: Database) -> None:
    account = await database.accounts.create()
    await begin(database, account.id)
    with pytest.raises(Conflict, match="Another request"):
        await begin(database, account.id, fingerprint=b"g")
    await database.idempotency.finish(account.id, "key", ANSWER)
    with pytest.raises(Conflict, match="Another request"):
        await begin(database, account.id, fingerprint=b"g")


async def test_keys_of_other_accounts_are_other_keys(database: Database) -> None:
    mine, theirs = await database.accounts.create(), await database.accounts.create()
    await begin(database, mine.id)
    await database.idempotency.finish(mine.id, "key", ANSWER)
    assert await begin(database, theirs.id, fingerprint=b"g") is None


async def test_what_failed_may_be_tried_again_but_what_was_answered_stays(database: Database) -> None:
    account = await database.accounts.create()
    await begin(database, account.id)
    await database.idempotency.abandon(account.id, "key")
    assert await begin(database, account.id) is None
    await database.idempotency.finish(account.id, "key", ANSWER)
    await database.idempotency.abandon(account.id, "key")
    assert await begin(database, account.id) == ANSWER


async def test_a_crashed_request_may_be_tried_again_by_itself_only(database: Database) -> None:
    account = await database.accounts.create()
    await begin(database, account.id, ttl_s=0)
    with pytest.raises(Conflict):
        await begin(database, account.id, fingerprint=b"g")
    assert await begin(database, account.id) is None
    with pytest.raises(Conflict, match="still running"):
        await begin(database, account.id)


async def test_old_keys_are_swept(database: Database) -> None:
    account = await database.accounts.create()
    await begin(database, account.id)
    await database.idempotency.finish(account.id, "key", ANSWER)
    assert await database.idempotency.sweep() == 0
    assert await database.idempotency.sweep(older_than_s=0) >= 1
    assert await begin(database, account.id) is None
