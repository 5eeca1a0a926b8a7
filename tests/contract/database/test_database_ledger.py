"""Credits: what each move does, who may move what, and what concurrency and crashes leave behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import IntegrityError

from serve_app.adapters.database import Database
from serve_app.errors import Conflict, InsufficientCredits, NotFound, SpeechError, ZeroBalance
from serve_app.ports.records import Account, Reservation

Funded = Callable[[int], Awaitable[Account]]
NOBODY = "00000000-0000-7000-8000-000000000000"


async def reserve(database: Database, account: Account, credits: int, *, ttl_s: float = 600) -> Reservation:
    return await database.ledger.reserve(account.id, credits, feature="stt", reference="a request", ttl_s=ttl_s)


async def test_a_new_account_has_nothing(database: Database) -> None:
    account = await database.accounts.create()
    assert await database.ledger.balance(account.id) == 0


async def test_a_grant_counts_once_for_its_reference(database: Database, funded: Funded) -> None:
    account = await funded(0)
    balances = await asyncio.gather(*(database.ledger.grant(account.id, 5, reference="order 1") for _ in range(8)))
    assert set(balances) == {5}
    with pytest.raises(Conflict):
        await database.ledger.grant(account.id, 6, reference="order 1")
    assert await database.ledger.grant(account.id, 6, reference="order 2") == 11


async def test_a_capture_charges_and_gives_back_the_rest(database: Database, funded: Funded) -> None:
    account = await funded(10)
    held = await reserve(database, account, 7)
    assert await database.ledger.balance(account.id) == 3
    done = await database.ledger.capture(held.id, 5)
    assert (done.state, done.captured) == ("captured", 5)
    assert await database.ledger.balance(account.id) == 5
    lines = await database.ledger.entries(account.id)
    assert [(e.kind, e.credits, e.delta, e.balance) for e in lines] == [
        ("capture", 5, 2, 5), ("reserve", 7, -7, 3), ("grant", 10, 10, 10),
    ]  # fmt: skip
    assert await database.ledger.entries(account.id, limit=1, before=lines[0].id) == lines[1:2]


async def test_capture_and_release_may_be_repeated_and_exclude_each_other(database: Database, funded: Funded) -> None:
    account = await funded(10)
    charged, freed = await reserve(database, account, 4), await reserve(database, account, 4)
    first = await database.ledger.capture(charged.id, 3)
    assert await database.ledger.capture(charged.id, 4) == first
    with pytest.raises(Conflict):
        await database.ledger.release(charged.id)
    released = await database.ledger.release(freed.id)
    assert await database.ledger.release(freed.id) == released
    with pytest.raises(Conflict):
        await database.ledger.capture(freed.id, 1)
    assert await database.ledger.balance(account.id) == 7


async def test_more_than_was_reserved_cannot_be_charged(database: Database, funded: Funded) -> None:
    account = await funded(10)
    held = await reserve(database, account, 4)
    with pytest.raises(Conflict):
        await database.ledger.capture(held.id, 5)
    assert (await database.ledger.capture(held.id, 4)).captured == 4


async def test_a_short_balance_says_what_there_is_and_what_is_needed(database: Database, funded: Funded) -> None:
    account = await funded(3)
    with pytest.raises(InsufficientCredits) as short:
        await reserve(database, account, 4)
    assert (short.value.status, short.value.error_code) == (402, "INSUFFICIENT_CREDITS")
    assert short.value.details == {"balance": 3, "needed": 4}
    await reserve(database, account, 3)
    with pytest.raises(ZeroBalance) as nothing:
        await reserve(database, account, 1)
    assert (nothing.value.status, nothing.value.error_code) == (402, "ZERO_BALANCE")


async def test_a_reservation_grows_as_far_as_the_balance_goes(database: Database, funded: Funded) -> None:
    account = await funded(10)
    held = await reserve(database, account, 1)
    assert (await database.ledger.raise_to(held.id, 8)).credits == 8
    assert (await database.ledger.raise_to(held.id, 2)).credits == 8
    with pytest.raises(InsufficientCredits) as short:
        await database.ledger.raise_to(held.id, 11)
    assert short.value.details == {"balance": 2, "needed": 3}
    await database.ledger.capture(held.id, 8)
    assert await database.ledger.balance(account.id) == 2
    with pytest.raises(Conflict):
        await database.ledger.raise_to(held.id, 9)


async def test_a_refund_counts_once_for_its_reason_and_never_exceeds_the_charge(
    database: Database, funded: Funded
) -> None:
    account = await funded(10)
    held = await reserve(database, account, 6)
    with pytest.raises(Conflict):
        await database.ledger.refund(held.id, 1, reason="too early")
    await database.ledger.capture(held.id, 6)
    for _ in range(2):
        assert (await database.ledger.refund(held.id, 4, reason="upstream failed")).refunded == 4
    with pytest.raises(Conflict):
        await database.ledger.refund(held.id, 3, reason="goodwill")
    assert await database.ledger.balance(account.id) == 8


async def test_what_does_not_exist_is_not_found(database: Database) -> None:
    ledger = database.ledger
    for call in (
        ledger.balance(NOBODY), ledger.balance("no id"), ledger.grant(NOBODY, 1, reference="x"),
        ledger.reserve(NOBODY, 1, feature="stt", reference="x", ttl_s=1), ledger.capture(NOBODY, 1),
        ledger.release("no id"), ledger.refund(NOBODY, 1, reason="x"), ledger.raise_to(NOBODY, 1),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await call
    assert not await ledger.extend(NOBODY, ttl_s=1)


async def test_two_hundred_at_once_get_exactly_what_the_balance_covers(
    database: Database, other_replica: Database, funded: Funded
) -> None:
    account = await funded(10)

    async def attempt(number: int) -> str:
        try:
            await reserve((database, other_replica)[number % 2], account, 1)
            return "served"
        except SpeechError as refused:
            return refused.error_code

    outcomes = Counter(await asyncio.gather(*(attempt(number) for number in range(200))))
    assert outcomes == {"served": 10, "ZERO_BALANCE": 190}
    assert await database.ledger.balance(account.id) == 0
    assert await database.ledger.discrepancies() == []


async def test_of_many_captures_and_releases_at_once_one_wins(
    database: Database, other_replica: Database, funded: Funded
) -> None:
    account = await funded(100)
    for _ in range(10):
        held = await reserve(database, account, 10)
        moves = [
            move
            for side in (database, other_replica)
            for move in (side.ledger.capture(held.id, 10), side.ledger.release(held.id), side.ledger.sweep())
        ]
        await asyncio.gather(*moves, return_exceptions=True)
        ends = [e.kind for e in await database.ledger.entries(account.id) if e.reservation_id == held.id]
        assert Counter(ends) in ({"reserve": 1, "capture": 1}, {"reserve": 1, "release": 1})
    assert await database.ledger.discrepancies() == []


async def test_sweepers_release_what_expired_exactly_once(
    database: Database, other_replica: Database, funded: Funded
) -> None:
    await database.ledger.sweep()
    accounts = [await funded(20) for _ in range(5)]
    for account in accounts:
        for _ in range(20):
            await reserve(database, account, 1, ttl_s=0)
    swept = await asyncio.gather(*(side.ledger.sweep() for side in (database, other_replica) * 4))
    assert sum(swept) == 100
    assert [await database.ledger.balance(account.id) for account in accounts] == [20] * 5
    assert await database.ledger.sweep() == 0


async def test_what_is_extended_is_not_swept(database: Database, funded: Funded) -> None:
    account = await funded(2)
    kept, lost = await reserve(database, account, 1, ttl_s=0), await reserve(database, account, 1, ttl_s=0)
    assert await database.ledger.extend(kept.id, ttl_s=600)
    await database.ledger.sweep()
    assert await database.ledger.balance(account.id) == 1
    assert not await database.ledger.extend(lost.id, ttl_s=600)


async def test_a_late_capture_is_charged_if_the_balance_still_covers_it(database: Database, funded: Funded) -> None:
    account = await funded(10)
    late, too_late = await reserve(database, account, 6, ttl_s=0), await reserve(database, account, 4, ttl_s=0)
    await database.ledger.sweep()
    assert (await database.ledger.capture(late.id, 5)).captured == 5
    assert (await database.ledger.capture(late.id, 5)).captured == 5
    assert await database.ledger.balance(account.id) == 5
    await reserve(database, account, 3)
    with pytest.raises(InsufficientCredits):
        await database.ledger.capture(too_late.id, 4)
    assert await database.ledger.balance(account.id) == 2
    assert await database.ledger.discrepancies() == []


async def test_what_lapsed_can_be_raised_and_is_charged_at_the_end(database: Database, funded: Funded) -> None:
    account = await funded(10)
    held, other = await reserve(database, account, 1, ttl_s=0), await reserve(database, account, 1, ttl_s=0)
    await database.ledger.sweep()
    with pytest.raises(InsufficientCredits) as short:
        await database.ledger.raise_to(held.id, 11)
    assert short.value.details == {"balance": 10, "needed": 11}
    assert (await database.ledger.raise_to(held.id, 6)).credits == 6
    assert await database.ledger.balance(account.id) == 10
    assert (await database.ledger.capture(held.id, 6)).captured == 6
    assert await database.ledger.balance(account.id) == 4
    await database.ledger.release(other.id)
    for ended in (held, other):
        with pytest.raises(Conflict):
            await database.ledger.raise_to(ended.id, 7)
    assert await database.ledger.discrepancies() == []


async def test_the_ledger_cannot_be_rewritten(database: Database, funded: Funded) -> None:
    account = await funded(10)
    for statement in ("UPDATE ledger_entries SET delta = 99", "DELETE FROM ledger_entries", "TRUNCATE ledger_entries"):
        with pytest.raises(IntegrityError, match="append-only"):
            await database.sql.run(statement)
    with pytest.raises(IntegrityError):
        await database.sql.run("UPDATE balances SET credits = -1")
    assert await database.ledger.balance(account.id) == 10


async def test_a_transaction_that_fails_after_reserving_reserves_nothing(database: Database, funded: Funded) -> None:
    account = await funded(10)

    async def reserve_and_fail() -> None:
        async with database.transaction() as transaction:
            held = await transaction.ledger.reserve(account.id, 4, feature="stt", reference="job", ttl_s=60)
            assert await transaction.ledger.balance(account.id) == 6
            raise LookupError(held.id)

    with pytest.raises(LookupError):
        await reserve_and_fail()
    assert await database.ledger.balance(account.id) == 10
    async with database.transaction() as transaction:
        await transaction.ledger.reserve(account.id, 4, feature="stt", reference="job", ttl_s=60)
    assert await database.ledger.balance(account.id) == 6
