"""Tickets: a slot, an allowance and credits for one piece of work. What the stores do is tested on the database."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from memory_stores import MemoryStores

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Gate, Ticket
from serve_app.admission.plans import Plan
from serve_app.billing.prices import PriceList
from serve_app.errors import (
    ConcurrencyLimit,
    CorruptMedia,
    DatabaseUnavailable,
    InsufficientCredits,
    NotFound,
    QuotaExceeded,
    ZeroBalance,
)
from serve_app.ports.records import NewTranscript


class World:
    """A gate on stores in memory, and one caller on a plan."""

    def __init__(self, plan: Plan, *, credits: int | None = None) -> None:
        self.stores = MemoryStores(lambda: 0.0)
        account = self.stores.add_account(plan=plan.name, credits=credits) if credits is not None else None
        self.caller = Caller(account=account, plan=plan, bucket="caller")
        self.gate = Gate(self.stores, PriceList())

    @property
    def balance(self) -> int:
        assert self.caller.account is not None
        return self.stores.balances[self.caller.account.id]

    async def work(self, *, audio_s: float = 60.0, fault: Exception | None = None) -> None:
        async with self.gate.admit(self.caller, feature="stt", reference="r") as ticket:
            await ticket.cover(audio_s)
            if fault is not None:
                raise fault
            await ticket.complete(audio_s=audio_s)


PAID = Plan(name="paid", charged=True)


async def test_an_unlimited_caller_touches_no_limit() -> None:
    world = World(Plan(name="unlimited"), credits=0)
    await world.work(audio_s=36_000.0)
    assert (world.stores.live, world.stores.uses, world.stores.reservations) == ({}, {}, {})


async def test_the_cap_on_concurrency_counts_only_what_runs() -> None:
    world = World(Plan(name="x", concurrency=2))
    async with AsyncExitStack() as running:
        for _ in range(2):
            await running.enter_async_context(world.gate.admit(world.caller, feature="stt", reference="r"))
        with pytest.raises(ConcurrencyLimit):
            await world.work()
    await world.work()
    assert world.stores.live == {}


async def test_a_refused_request_uses_no_allowance() -> None:
    world = World(Plan(name="x", requests_per_day=1, concurrency=1))
    async with world.gate.admit(world.caller, feature="stt", reference="r"):
        with pytest.raises(ConcurrencyLimit):
            await world.work()
    await world.work()


async def test_a_days_allowance_comes_back_unless_something_was_answered() -> None:
    world = World(Plan(name="x", requests_per_day=1))
    with pytest.raises(CorruptMedia):
        await world.work(fault=CorruptMedia("Broken."))
    await world.work()
    with pytest.raises(QuotaExceeded):
        await world.work()


async def test_the_months_minutes_count_what_was_transcribed() -> None:
    world = World(Plan(name="free", audio_s_per_month=600), credits=0)
    await world.work(audio_s=400.0)
    with pytest.raises(CorruptMedia):
        await world.work(audio_s=200.0, fault=CorruptMedia("Broken."))
    with pytest.raises(QuotaExceeded) as refusal:
        await world.work(audio_s=201.0)
    assert refusal.value.details == {"limit": 10}
    await world.work(audio_s=200.0)
    with pytest.raises(QuotaExceeded):  # before anything is read
        async with world.gate.admit(world.caller, feature="stt", reference="r"):
            raise AssertionError("admitted")


@pytest.mark.parametrize(("audio_s", "credits"), [(0.5, 1), (60.0, 1), (60.1, 2), (3600.0, 60)])
async def test_started_minutes_are_charged(audio_s: float, credits: int) -> None:
    world = World(PAID, credits=100)
    await world.work(audio_s=audio_s)
    assert world.balance == 100 - credits
    assert world.stores.recorded[0]["credits"] == credits


async def test_nothing_is_charged_for_work_that_failed() -> None:
    world = World(PAID, credits=10)
    with pytest.raises(CorruptMedia):
        await world.work(audio_s=300.0, fault=CorruptMedia("Broken."))
    assert (world.balance, world.stores.recorded) == (10, [])


async def test_an_empty_balance_is_refused_before_the_file_is_read() -> None:
    world = World(PAID, credits=0)
    with pytest.raises(ZeroBalance):
        async with world.gate.admit(world.caller, feature="stt", reference="r"):
            raise AssertionError("admitted")


async def test_a_recording_that_the_balance_does_not_cover_is_refused_and_gives_all_back() -> None:
    world = World(PAID, credits=5)
    with pytest.raises(InsufficientCredits):
        await world.work(audio_s=301.0)
    assert world.balance == 5


async def test_a_transcript_is_stored_with_the_charge() -> None:
    world = World(PAID, credits=5)
    assert world.caller.account is not None
    kept = NewTranscript(account_id=world.caller.account.id, title="t", text="", document={})
    async with world.gate.admit(world.caller, feature="stt", reference="r") as ticket:
        await ticket.complete(audio_s=1.0, transcript=kept)
    assert world.stores.stored == [kept]


async def test_what_cannot_be_given_back_does_not_hide_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(ticket: Ticket) -> None:
        raise QuotaExceeded("The store is away.")

    monkeypatch.setattr(Ticket, "_leave_slot", away)
    world = World(PAID, credits=5)
    with pytest.raises(CorruptMedia):
        await world.work(fault=CorruptMedia("Broken."))
    assert world.balance == 5


async def away(*_: object, **__: object) -> None:
    raise DatabaseUnavailable("The database does not answer.")


async def test_a_length_that_could_not_be_covered_is_covered_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(PAID, credits=5)
    async with world.gate.admit(world.caller, feature="stt", reference="r") as ticket:
        with monkeypatch.context() as interrupted:
            interrupted.setattr(world.stores, "raise_to", away)
            with pytest.raises(DatabaseUnavailable):
                await ticket.cover(90.0)
        await ticket.complete(audio_s=90.0)
    assert world.balance == 3


async def test_a_reservation_that_the_database_lost_is_not_the_callers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(*_: object) -> None:
        raise NotFound("There is no such reservation.")

    world = World(PAID, credits=5)
    async with world.gate.admit(world.caller, feature="stt", reference="r") as ticket:
        monkeypatch.setattr(world.stores, "capture", lost)
        monkeypatch.setattr(world.stores, "raise_to", lost)
        with pytest.raises(DatabaseUnavailable):
            await ticket.complete(audio_s=60.0)
        with pytest.raises(DatabaseUnavailable):
            await ticket.cover(90.0)


async def test_what_is_held_is_held_for_the_gates_own_term(monkeypatch: pytest.MonkeyPatch) -> None:
    world, terms = World(Plan(name="x", concurrency=2)), []
    take = world.stores.acquire

    async def acquire(bucket: str, *, cap: int, ttl_s: float) -> str:
        terms.append(ttl_s)
        return await take(bucket, cap=cap, ttl_s=ttl_s)

    monkeypatch.setattr(world.stores, "acquire", acquire)
    async with Gate(world.stores, PriceList(), hold_s=7.0).admit(world.caller, feature="stt", reference="r"):
        assert terms == [7.0]
