"""Credits. The moves themselves are functions in the database (migration 0002): one transaction, one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from serve_app.adapters.database.sql import Sql, as_id, fields_of, new_id
from serve_app.errors import Conflict, InsufficientCredits, NotFound, ZeroBalance
from serve_app.ports.records import LedgerEntry, Reservation

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

_SWEEP_AT_ONCE = 200  # keeps a sweep's transaction short: it holds the balances of those it settles
_NOT_OF_A_RESERVATION = ("outcome", "balance", "lapsed", "created_at")


class SqlLedger:
    """The Ledger."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def balance(self, account_id: str) -> int:
        found = await self._sql.value("SELECT credits FROM balances WHERE account_id = :id", id=as_id(account_id))
        if found is None:
            raise NotFound("There is no such account.")
        return int(found)

    async def grant(self, account_id: str, credits: int, *, reference: str, reason: str = "") -> int:
        _require_positive(credits)
        row = await self._call(
            "SELECT * FROM hark_grant(CAST(:account AS uuid), :credits, :reference, :reason)",
            {"account": as_id(account_id), "credits": credits, "reference": reference, "reason": reason},
        )
        if row["outcome"] == "unknown":
            raise NotFound("There is no such account.")
        if row["outcome"] == "other":
            raise Conflict("Another amount was already granted under this reference.", reference=reference)
        return int(row["balance"])

    async def reserve(
        self, account_id: str, credits: int, *, feature: str, reference: str, ttl_s: float, durable: bool = True
    ) -> Reservation:
        _require_positive(credits)
        row = await self._call(
            "SELECT outcome, balance, (reservation).* FROM hark_reserve("
            "CAST(:id AS uuid), CAST(:account AS uuid), :credits, :feature, :reference, :ttl, :durable)",
            {
                "id": new_id(),
                "account": as_id(account_id),
                "credits": credits,
                "feature": feature,
                "reference": reference,
                "ttl": timedelta(seconds=ttl_s),
                "durable": durable,
            },
        )
        if row["outcome"] == "unknown":
            raise NotFound("There is no such account.")
        return _settled(row, needed=credits)

    async def raise_to(self, reservation_id: str, credits: int) -> Reservation:
        row = await self._call(
            "SELECT outcome, balance, (reservation).* FROM hark_raise(CAST(:id AS uuid), :credits)",
            {"id": as_id(reservation_id), "credits": credits},
        )
        held = row["credits"] if row["state"] == "held" else 0
        return _settled(row, needed=credits - held)

    async def extend(self, reservation_id: str, *, ttl_s: float) -> bool:
        touched = await self._sql.run(
            "UPDATE reservations SET expires_at = clock_timestamp() + :ttl WHERE id = :id AND state = 'held'",
            id=as_id(reservation_id),
            ttl=timedelta(seconds=ttl_s),
        )
        return touched == 1

    async def capture(self, reservation_id: str, credits: int) -> Reservation:
        row = await self._call(
            "SELECT outcome, balance, (reservation).* FROM hark_capture(CAST(:id AS uuid), :credits)",
            {"id": as_id(reservation_id), "credits": credits},
        )
        return _settled(row, needed=credits)

    async def release(self, reservation_id: str) -> Reservation:
        row = await self._call(
            "SELECT outcome, (reservation).* FROM hark_release(CAST(:id AS uuid))", {"id": as_id(reservation_id)}
        )
        return _settled(row)

    async def refund(self, reservation_id: str, credits: int, *, reason: str) -> Reservation:
        _require_positive(credits)
        row = await self._call(
            "SELECT outcome, (reservation).* FROM hark_refund(CAST(:id AS uuid), :credits, :reason)",
            {"id": as_id(reservation_id), "credits": credits, "reason": reason},
        )
        return _settled(row)

    async def entries(self, account_id: str, *, limit: int = 50, before: int | None = None) -> list[LedgerEntry]:
        rows = await self._sql.rows(
            "SELECT id, kind, credits, delta, balance, created_at, reservation_id, feature, reference, reason "
            "FROM ledger_entries WHERE account_id = :account AND id < coalesce(CAST(:before AS bigint), "
            "9223372036854775807) ORDER BY id DESC LIMIT :limit",
            account=as_id(account_id),
            before=before,
            limit=limit,
        )
        return [LedgerEntry(**fields_of(row)) for row in rows]

    async def sweep(self, now: datetime | None = None) -> int:
        released = 0
        while True:
            some = await self._sql.value(
                "SELECT hark_sweep(coalesce(CAST(:now AS timestamptz), clock_timestamp()), :limit)",
                now=now,
                limit=_SWEEP_AT_ONCE,
            )
            released += int(some)
            if some < _SWEEP_AT_ONCE:
                return released

    async def discrepancies(self) -> list[str]:
        rows = await self._sql.rows(
            "SELECT b.account_id FROM balances b LEFT JOIN ledger_entries e USING (account_id) "
            "GROUP BY b.account_id, b.credits HAVING b.credits <> coalesce(sum(e.delta), 0)"
        )
        return [str(row["account_id"]) for row in rows]

    async def _call(self, statement: str, values: Mapping[str, Any]) -> RowMapping:
        row = await self._sql.row(statement, **values)
        if row is None:
            raise AssertionError("the ledger's functions always answer")
        return row


def _settled(row: RowMapping, *, needed: int = 0) -> Reservation:
    """Return the reservation that a move left behind, or raise why there was no move."""
    match row["outcome"]:
        case "ok":
            return Reservation(**fields_of(row, without=_NOT_OF_A_RESERVATION))
        case "unknown":
            raise NotFound("There is no such reservation.")
        case "short":
            raise _short(int(row["balance"]), needed)
        case "beyond":
            raise Conflict("This is more than the reservation or its capture holds.")
        case _:
            raise Conflict(f"The reservation is already {row['state']}.", state=row["state"])


def _short(balance: int, needed: int) -> InsufficientCredits:
    if balance == 0:
        return ZeroBalance("There are no credits left; add some and try again.", balance=0, needed=needed)
    return InsufficientCredits(
        f"This needs {needed} credits and {balance} are left; add some and try again.", balance=balance, needed=needed
    )


def _require_positive(credits: int) -> None:
    if credits < 1:
        raise ValueError(f"{credits} credits cannot be moved")
