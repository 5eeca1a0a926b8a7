"""Stores in memory, for tests of what stands on them; the real ones have tests on a real database."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from serve_app.errors import ConcurrencyLimit, NotFound, QuotaExceeded, ZeroBalance
from serve_app.ports.records import Account, ApiKey, KeyOwner, NewTranscript, Reservation
from serve_app.ports.speech import Clock

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryStores:
    """What the tests need of `ports.stores.Stores`."""

    def __init__(self, clock: Clock) -> None:
        self.accounts = self.keys = self.ledger = self.leases = self.quotas = self.usage = self.transcripts = self
        self.idempotency = self
        self._clock = clock
        self.known: dict[str, Account] = {}
        self.key_owners: dict[bytes, KeyOwner] = {}
        self.identities: dict[tuple[str, str], str] = {}
        self.live: dict[str, str] = {}  # lease -> bucket
        self.uses: dict[str, tuple[str, float, int]] = {}  # use -> bucket, when, amount
        self.balances: dict[str, int] = {}
        self.reservations: dict[str, Reservation] = {}
        self.stored: list[NewTranscript] = []
        self.recorded: list[dict[str, Any]] = []
        self.look_ups = 0

    # accounts and keys

    def add_account(self, *, plan: str, role: Any = "user", credits: int = 0) -> Account:
        account = Account(id=str(uuid.uuid4()), created_at=NOW, plan=plan, role=role)
        self.known[account.id] = account
        self.balances[account.id] = credits
        return account

    def add_key(self, account: Account, digest: bytes) -> None:
        key = ApiKey(id=str(uuid.uuid4()), account_id=account.id, name="", prefix="sk_", created_at=NOW)
        self.key_owners[digest] = KeyOwner(key=key, account=account)

    async def by_identity(self, *, issuer: str, subject: str, plan: str, **_: Any) -> Account:
        known = self.identities.setdefault((issuer, subject), "")
        if not known:
            self.identities[issuer, subject] = self.add_account(plan=plan).id
        return self.known[self.identities[issuer, subject]]

    async def update(self, account_id: str, **changes: Any) -> Account:
        self.known[account_id] = replace(self.known[account_id], **changes)
        return self.known[account_id]

    async def owner_of(self, digest: bytes) -> KeyOwner | None:
        self.look_ups += 1
        return self.key_owners.get(digest)

    # leases and quotas

    async def acquire(self, bucket: str, *, cap: int, ttl_s: float) -> str:
        if list(self.live.values()).count(bucket) >= cap:
            raise ConcurrencyLimit(f"{cap} may run at once.", retry_after_s=5, limit=cap)
        lease = str(uuid.uuid4())
        self.live[lease] = bucket
        return lease

    async def release(self, held: str) -> Any:
        if held in self.reservations:
            reservation = self.reservations[held]
            self.balances[reservation.account_id] += reservation.credits
            self.reservations[held] = replace(reservation, state="released")
            return self.reservations[held]
        return self.live.pop(held)

    async def use(self, bucket: str, *, cap: int, window_s: float, amount: int = 1) -> str:
        now = self._clock()
        self.uses = {k: u for k, u in self.uses.items() if u[0] != bucket or u[1] > now - window_s}
        mine = [u for u in self.uses.values() if u[0] == bucket]
        if sum(u[2] for u in mine) + amount > cap:
            wait_s = min((u[1] for u in mine), default=now) + window_s - now
            raise QuotaExceeded(f"{cap} are used up.", retry_after_s=round(wait_s), limit=cap)
        use = str(uuid.uuid4())
        self.uses[use] = (bucket, now, amount)
        return use

    async def give_back(self, use_id: str) -> None:
        del self.uses[use_id]

    async def used(self, bucket: str) -> int:
        return sum(u[2] for u in self.uses.values() if u[0] == bucket)

    # credits, usage, transcripts

    async def reserve(self, account_id: str, credits: int, *, feature: str, reference: str, **_: Any) -> Reservation:
        reservation = Reservation(
            id=str(uuid.uuid4()),
            account_id=account_id,
            feature=feature,
            reference=reference,
            credits=0,
            captured=0,
            refunded=0,
            state="held",
            expires_at=NOW,
        )
        self.reservations[reservation.id] = reservation
        return await self.raise_to(reservation.id, credits)

    async def raise_to(self, reservation_id: str, credits: int) -> Reservation:
        reservation = self.reservations[reservation_id]
        more = credits - reservation.credits
        balance = self.balances[reservation.account_id]
        if more > balance:
            raise ZeroBalance("No credits are left.", balance=balance, needed=more)
        self.balances[reservation.account_id] -= more
        self.reservations[reservation_id] = replace(reservation, credits=credits)
        return self.reservations[reservation_id]

    async def capture(self, reservation_id: str, credits: int) -> Reservation:
        reservation = self.reservations[reservation_id]
        self.balances[reservation.account_id] += reservation.credits - credits
        self.reservations[reservation_id] = replace(reservation, captured=credits, state="captured")
        return self.reservations[reservation_id]

    async def record(self, account_id: str, **what: Any) -> None:
        self.recorded.append({"account_id": account_id, **what})

    async def add(self, transcript: NewTranscript) -> None:
        self.stored.append(transcript)

    async def get(self, account_id: str, id_or_slug: str) -> NewTranscript:
        for transcript in self.stored:
            if (transcript.account_id, transcript.id) == (account_id, id_or_slug):
                return transcript
        raise NotFound("There is no such transcript.")

    # sweeping

    async def sweep(self, **_: Any) -> int:
        return 0

    async def expire(self, **_: Any) -> int:
        return 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryStores]:
        yield self
