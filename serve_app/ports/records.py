"""What the product keeps, as values. The stores of `ports.stores` take and return them.

Ids are UUIDs in their text form, times are aware datetimes in UTC, credits are whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Role = Literal["user", "admin"]
ReservationState = Literal["held", "captured", "released"]
EntryKind = Literal["grant", "reserve", "capture", "release", "refund"]
TranscriptStatus = Literal["processing", "completed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may use the service and is charged for it."""

    id: str
    created_at: datetime
    plan: str  # names the limits in the settings
    role: Role
    email: str | None = None  # as the issuer says; two accounts may carry the same
    name: str = ""
    preferences: Mapping[str, Any] = field(default_factory=dict)  # JSON-ready


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as its owner sees it later: the secret itself is stored nowhere."""

    id: str
    account_id: str
    name: str
    prefix: str  # the secret's first characters, to tell keys apart
    created_at: datetime
    last_used_at: datetime | None = None  # exact to a minute
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOwner:
    """A valid key and whose it is."""

    key: ApiKey
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Credits set aside for one piece of work, until captured, released, or swept after `expires_at`."""

    id: str
    account_id: str
    feature: str
    reference: str
    credits: int  # set aside
    captured: int  # charged; 0 unless captured
    refunded: int  # given back after the capture
    state: ReservationState
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One line of the ledger. An account's balance is the sum of its `delta`s."""

    id: int  # increases with time within an account
    kind: EntryKind
    credits: int  # granted, set aside, charged, released or refunded
    delta: int  # what it did to the balance; a capture gives back what was set aside but not charged
    balance: int  # after it
    created_at: datetime
    reservation_id: str | None = None
    feature: str | None = None
    reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDay:
    """What an account used of one feature on one day (UTC)."""

    day: date
    feature: str
    requests: int
    audio_s: float
    credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptEntry:
    """A stored transcript without its words: a line of the list."""

    id: str
    account_id: str
    slug: str  # unique within the account
    title: str
    status: TranscriptStatus
    created_at: datetime
    language: str | None = None
    model: str | None = None
    duration_s: float = 0.0
    expires_at: datetime | None = None  # retention; None: kept


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTranscript:
    """A stored transcript with its words."""

    entry: TranscriptEntry
    text: str
    document: Mapping[str, Any]  # the transcript's JSON, as the platform dialect renders it


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTranscript:
    """What is to be stored. With an `id` of the caller's, storing it again changes nothing."""

    account_id: str
    title: str
    text: str
    document: Mapping[str, Any]
    status: TranscriptStatus = "completed"
    language: str | None = None
    model: str | None = None
    duration_s: float = 0.0
    retention_s: float | None = None  # None: kept until deleted
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptFilter:
    """Which transcripts to list; None and empty are no condition."""

    status: str | None = None
    language: str | None = None
    date_from: datetime | None = None  # created at or after
    date_to: datetime | None = None  # created before
    q: str = ""  # every word of it begins a word of the title or the text


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptPage:
    """Some transcripts, newest first, and how many there are in all."""

    count: int
    results: tuple[TranscriptEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The answer that was already given to a request with this idempotency key."""

    status: int
    body: bytes
    content_type: str
