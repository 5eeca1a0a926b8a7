"""The stores that keep what the product keeps, as Protocols; its values are those of `ports.records`.

Every method may raise DatabaseUnavailable besides the faults that it names. A method that takes an `account_id` never
shows or touches what is another account's: for the caller a foreign id does not exist (NotFound).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from serve_app.ports.records import (
    Account,
    ApiKey,
    KeyOwner,
    LedgerEntry,
    NewTranscript,
    Replay,
    Reservation,
    Role,
    StoredTranscript,
    TranscriptEntry,
    TranscriptFilter,
    TranscriptPage,
    UsageDay,
)


class AccountStore(Protocol):
    async def create(
        self, *, email: str | None = None, name: str = "", plan: str = "free", role: Role = "user"
    ) -> Account: ...

    async def get(self, account_id: str) -> Account:
        """Raises NotFound."""

    async def find_by_email(self, email: str) -> list[Account]:
        """Return the accounts of an address, oldest first; case does not matter."""

    async def by_identity(
        self, *, issuer: str, subject: str, email: str | None = None, name: str = "", plan: str = "free"
    ) -> Account:
        """Return the account of an issuer's subject; the first sight of it creates exactly one."""

    async def update(
        self,
        account_id: str,
        *,
        name: str | None = None,
        email: str | None = None,
        plan: str | None = None,
        role: Role | None = None,
        preferences: Mapping[str, Any] | None = None,
    ) -> Account:
        """Change what is not None. Raises NotFound."""

    async def page(self, *, limit: int = 50, offset: int = 0) -> list[Account]:
        """Return accounts, newest first."""


class KeyStore(Protocol):
    async def create(
        self, account_id: str, *, name: str, digest: bytes, prefix: str, expires_at: datetime | None = None
    ) -> ApiKey:
        """Raises NotFound for an unknown account."""

    async def owner_of(self, digest: bytes) -> KeyOwner | None:
        """Return the owner of a key that is neither revoked nor expired, and note its use."""

    async def page(self, account_id: str) -> list[ApiKey]:
        """Return an account's keys, revoked ones too, newest first."""

    async def revoke(self, account_id: str, key_id: str) -> ApiKey:
        """End a key of the account for good; doing it again changes nothing. Raises NotFound."""


class Ledger(Protocol):
    """Credits. A balance never goes below zero; each method is one transaction of its own unless in a larger one."""

    async def balance(self, account_id: str) -> int:
        """Return the credits that can be spent. Raises NotFound."""

    async def grant(self, account_id: str, credits: int, *, reference: str, reason: str = "") -> int:
        """Add credits, once for each reference; return the balance. Raises NotFound, Conflict for another amount."""

    async def reserve(
        self, account_id: str, credits: int, *, feature: str, reference: str, ttl_s: float, durable: bool = True
    ) -> Reservation:
        """Set credits aside. Raises ZeroBalance or InsufficientCredits with `balance` and `needed`, or NotFound.

        Not durable is milliseconds faster, for work that ends with its request: a crash of the database (not of this
        service) may forget what was reserved in its last second, and then nothing is charged.
        """

    async def raise_to(self, reservation_id: str, credits: int) -> Reservation:
        """Set more aside, up to `credits` in all. Raises as `reserve`, and Conflict if it has ended.

        Of a reservation that a sweeper released meanwhile the balance must cover all, and nothing is set aside.
        """

    async def extend(self, reservation_id: str, *, ttl_s: float) -> bool:
        """Let it expire `ttl_s` from now; False: it is no longer held."""

    async def capture(self, reservation_id: str, credits: int) -> Reservation:
        """Charge at most what was set aside and give back the rest; doing it again changes nothing.

        A reservation that a sweeper released meanwhile is charged to the balance as it is now: the work was done.
        Raises InsufficientCredits if that does not cover it, Conflict if it was released on purpose.
        """

    async def release(self, reservation_id: str) -> Reservation:
        """Give all of it back; doing it again changes nothing. Raises Conflict if it was captured."""

    async def refund(self, reservation_id: str, credits: int, *, reason: str) -> Reservation:
        """Give back some of what was captured, once for each reason. Raises Conflict beyond what was captured."""

    async def entries(self, account_id: str, *, limit: int = 50, before: int | None = None) -> list[LedgerEntry]:
        """Return lines, newest first; `before` is the id of the last one seen."""

    async def sweep(self, now: datetime | None = None) -> int:
        """Release what has expired, each exactly once however many sweep at the same time; return how many."""

    async def discrepancies(self) -> list[str]:
        """Return the accounts whose balance is not the sum of their entries: none, ever."""


class LeaseStore(Protocol):
    """Who runs now. A lease ends by release, or by itself when its holder does not renew it."""

    async def acquire(self, bucket: str, *, cap: int, ttl_s: float) -> str:
        """Return a lease id; raises ConcurrencyLimit when `cap` leases are live."""

    async def renew(self, lease_id: str, *, ttl_s: float) -> bool:
        """Hold it for `ttl_s` from now; False: it had ended, and somebody else may run in its place."""

    async def release(self, lease_id: str) -> None: ...

    async def sweep(self) -> int:
        """Forget leases that ended by themselves; return how many."""


class QuotaStore(Protocol):
    """Allowances over a sliding window. A bucket is always used with the same window."""

    async def use(self, bucket: str, *, cap: int, window_s: float, amount: int = 1) -> str:
        """Use some of an allowance; return the use's id. Raises QuotaExceeded when less than `amount` is left."""

    async def settle(self, use_id: str, *, amount: int) -> None:
        """Correct a use to what it really was, once that is known."""

    async def give_back(self, use_id: str) -> None: ...

    async def used(self, bucket: str) -> int: ...

    async def sweep(self) -> int:
        """Forget uses that have left their window; return how many."""


class UsageStore(Protocol):
    async def record(
        self, account_id: str, *, feature: str, requests: int = 1, audio_s: float = 0.0, credits: int = 0
    ) -> None:
        """Add to today's numbers."""

    async def by_day(self, account_id: str, *, days: int = 30) -> list[UsageDay]:
        """Return the last days, today included, newest first; days without use are left out."""


class TranscriptStore(Protocol):
    async def add(self, transcript: NewTranscript) -> TranscriptEntry: ...

    async def get(self, account_id: str, id_or_slug: str) -> StoredTranscript:
        """Raises NotFound."""

    async def page(
        self, account_id: str, *, limit: int = 20, offset: int = 0, where: TranscriptFilter | None = None
    ) -> TranscriptPage: ...

    async def delete(self, account_id: str, id_or_slug: str) -> None:
        """Delete one with everything made from it. Raises NotFound."""

    async def expire(self, now: datetime | None = None, *, limit: int = 500) -> int:
        """Delete some whose retention has passed and return how many; 0: none is left."""


class IdempotencyStore(Protocol):
    async def begin(self, account_id: str, key: str, *, fingerprint: bytes, ttl_s: float) -> Replay | None:
        """Start a request under an idempotency key; None: go on, Replay: answer this instead.

        Raises Conflict for a key that another request used, or whose request still runs. One that neither finished
        nor was abandoned within `ttl_s` is taken for crashed, and the key is free for the same request.
        """

    async def finish(self, account_id: str, key: str, answer: Replay) -> None: ...

    async def abandon(self, account_id: str, key: str) -> None:
        """Forget a request that failed, so that it can be tried again."""

    async def sweep(self, *, older_than_s: float = 86_400.0) -> int:
        """Forget keys of that age; return how many."""


class Transaction(Protocol):
    """Stores that can take part in one transaction. Limits cannot: their counts would lock everybody out meanwhile."""

    accounts: AccountStore
    keys: KeyStore
    ledger: Ledger
    usage: UsageStore
    transcripts: TranscriptStore
    idempotency: IdempotencyStore


class Stores(Transaction, Protocol):
    """All stores, on one database; each call is a transaction of its own."""

    leases: LeaseStore
    quotas: QuotaStore

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Lend stores for one transaction: committed at the end of the block, undone by an exception in it."""
