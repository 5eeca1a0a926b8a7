"""Accounts, the identities and keys that lead to them, and their usage; each tenant sees only what is its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from serve_app.adapters.database import Database
from serve_app.admission.keys import new_key
from serve_app.errors import NotFound
from serve_app.ports.records import ApiKey


async def made_key(database: Database, account_id: str, *, expires_at: datetime | None = None) -> tuple[ApiKey, bytes]:
    key = new_key()
    stored = await database.keys.create(
        account_id, name="laptop", digest=key.digest, prefix=key.prefix, expires_at=expires_at
    )
    return stored, key.digest


async def test_an_account_is_found_by_its_id_and_its_address(database: Database) -> None:
    account = await database.accounts.create(email="Ann@Example.org", name="Ann", plan="paid", role="admin")
    assert await database.accounts.get(account.id) == account
    assert await database.accounts.find_by_email("ann@example.ORG") == [account]
    assert await database.accounts.find_by_email("bob@example.org") == []
    assert account in await database.accounts.page(limit=1000)
    assert account.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("account_id", ["", "1", "01a1f7e7-8229-76aa-ba89-9708646f8342", "' OR true --", "\0"])
async def test_an_unknown_account_is_not_found(database: Database, account_id: str) -> None:
    with pytest.raises(NotFound):
        await database.accounts.get(account_id)
    with pytest.raises(NotFound):
        await database.accounts.update(account_id, name="x")


async def test_an_update_changes_only_what_it_names(database: Database) -> None:
    account = await database.accounts.create(email="c@example.org", name="C")
    changed = await database.accounts.update(account.id, plan="paid", preferences={"news": False, "nul": "\0"})
    assert (changed.email, changed.name, changed.plan, changed.role) == ("c@example.org", "C", "paid", "user")
    assert changed.preferences == {"news": False, "nul": "\0"}
    assert (await database.accounts.update(account.id, role="admin")).preferences == changed.preferences


async def test_first_sight_makes_one_account_however_many_look(database: Database, other_replica: Database) -> None:
    looks = [
        (database, other_replica)[number % 2].accounts.by_identity(issuer="https://id", subject="7", email="d@e.org")
        for number in range(40)
    ]
    assert len({account.id for account in await asyncio.gather(*looks)}) == 1
    assert len(await database.accounts.find_by_email("d@e.org")) == 1


async def test_the_same_subject_of_another_issuer_is_somebody_else(database: Database) -> None:
    one = await database.accounts.by_identity(issuer="https://one", subject="9", email="same@e.org")
    two = await database.accounts.by_identity(issuer="https://two", subject="9", email="same@e.org")
    assert one.id != two.id


async def test_a_key_leads_to_its_account_and_notes_its_use(database: Database) -> None:
    account = await database.accounts.create(name="K")
    key, digest = await made_key(database, account.id)
    owner = await database.keys.owner_of(digest)
    assert owner is not None
    assert (owner.account, owner.key) == (account, key)
    (seen,) = await database.keys.page(account.id)
    assert seen.last_used_at is not None
    await database.keys.owner_of(digest)
    assert await database.keys.page(account.id) == [seen]


async def test_simultaneous_uses_of_a_key_all_succeed(database: Database) -> None:
    account = await database.accounts.create()
    _, digest = await made_key(database, account.id)
    owners = await asyncio.gather(*(database.keys.owner_of(digest) for _ in range(30)))
    assert all(owner is not None and owner.account == account for owner in owners)


async def test_unknown_revoked_and_expired_keys_lead_nowhere(database: Database) -> None:
    account = await database.accounts.create()
    revoked, revoked_digest = await made_key(database, account.id)
    await database.keys.revoke(account.id, revoked.id)
    _, expired_digest = await made_key(database, account.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    _, living_digest = await made_key(database, account.id, expires_at=datetime.now(UTC) + timedelta(hours=1))
    for digest in (new_key().digest, revoked_digest, expired_digest):
        assert await database.keys.owner_of(digest) is None
    assert await database.keys.owner_of(living_digest) is not None


async def test_only_its_own_account_revokes_or_lists_a_key(database: Database) -> None:
    mine, theirs = await database.accounts.create(), await database.accounts.create()
    key, digest = await made_key(database, mine.id)
    with pytest.raises(NotFound):
        await database.keys.revoke(theirs.id, key.id)
    assert await database.keys.page(theirs.id) == []
    assert await database.keys.owner_of(digest) is not None
    first = await database.keys.revoke(mine.id, key.id)
    assert await database.keys.revoke(mine.id, key.id) == first


async def test_no_account_no_key(database: Database) -> None:
    with pytest.raises(NotFound):
        await made_key(database, "01a1f7e7-8229-76aa-ba89-9708646f8342")


async def test_the_secret_of_a_key_is_nowhere_in_the_database(database: Database) -> None:
    account = await database.accounts.create()
    key = new_key()
    await database.keys.create(account.id, name="n", digest=key.digest, prefix=key.prefix)
    (row,) = await database.sql.rows("SELECT k::text AS all FROM api_keys k WHERE digest = :digest", digest=key.digest)
    assert key.prefix in row["all"]
    assert key.secret[3:] not in row["all"]


async def test_usage_adds_up_by_day_and_feature(database: Database) -> None:
    mine, theirs = await database.accounts.create(), await database.accounts.create()
    await asyncio.gather(
        *(database.usage.record(mine.id, feature="stt", audio_s=30.5, credits=1) for _ in range(10)),
        database.usage.record(mine.id, feature="summarize"),
        database.usage.record(theirs.id, feature="stt", credits=99),
    )
    stt, summarize = await database.usage.by_day(mine.id)
    assert (stt.feature, stt.requests, stt.audio_s, stt.credits) == ("stt", 10, 305.0, 10)
    assert (summarize.feature, summarize.requests) == ("summarize", 1)
    assert isinstance(stt.day, date)


async def test_usage_goes_back_as_far_as_asked(database: Database) -> None:
    account = await database.accounts.create()
    await database.usage.record(account.id, feature="stt")
    await database.sql.run(
        "INSERT INTO usage SELECT account_id, day - n, feature, 1, 0, 0 FROM usage, generate_series(1, 40) n "
        "WHERE account_id = CAST(:id AS uuid)",
        id=account.id,
    )
    days = [line.day for line in await database.usage.by_day(account.id, days=30)]
    assert days == sorted(days, reverse=True)
    assert len(days) == 30
