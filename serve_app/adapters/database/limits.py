"""Leases and allowances: what is counted over all replicas (functions of migration 0003)."""

from __future__ import annotations

import math
from datetime import timedelta

from serve_app.adapters.database.sql import Sql, as_id, new_id
from serve_app.errors import ConcurrencyLimit, QuotaExceeded

# A live holder renews its lease and ends whenever its work does: past this, waiting longer is no better advice.
LONGEST_LEASE_WAIT_S = 30


class SqlLeases:
    """The LeaseStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def acquire(self, bucket: str, *, cap: int, ttl_s: float) -> str:
        lease_id = new_id()
        wait_s = await self._sql.value(
            "SELECT hark_lease(CAST(:id AS uuid), :bucket, :cap, :ttl)",
            id=lease_id,
            bucket=bucket,
            cap=cap,
            ttl=timedelta(seconds=ttl_s),
        )
        if wait_s is None:
            return lease_id
        raise ConcurrencyLimit(
            f"{cap} request{'s' if cap != 1 else ''} may run at once; wait for one to end.",
            retry_after_s=math.ceil(min(max(wait_s, 1), LONGEST_LEASE_WAIT_S)),
            limit=cap,
        )

    async def renew(self, lease_id: str, *, ttl_s: float) -> bool:
        touched = await self._sql.run(
            "UPDATE leases SET expires_at = clock_timestamp() + :ttl WHERE id = :id AND expires_at > clock_timestamp()",
            id=as_id(lease_id),
            ttl=timedelta(seconds=ttl_s),
        )
        return touched == 1

    async def release(self, lease_id: str) -> None:
        await self._sql.run("DELETE FROM leases WHERE id = :id", id=as_id(lease_id))

    async def sweep(self) -> int:
        return await self._sql.run("DELETE FROM leases WHERE expires_at <= clock_timestamp()")


class SqlQuotas:
    """The QuotaStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def use(self, bucket: str, *, cap: int, window_s: float, amount: int = 1) -> str:
        use_id = new_id()
        wait_s = await self._sql.value(
            "SELECT hark_use(CAST(:id AS uuid), :bucket, :cap, :window, :amount)",
            id=use_id,
            bucket=bucket,
            cap=cap,
            window=timedelta(seconds=window_s),
            amount=amount,
        )
        if wait_s is None:
            return use_id
        raise QuotaExceeded(
            "The allowance of this period is used up; try again later.",
            retry_after_s=math.ceil(max(wait_s, 1)),
            limit=cap,
        )

    async def settle(self, use_id: str, *, amount: int) -> None:
        await self._sql.run("UPDATE quota_uses SET amount = :amount WHERE id = :id", id=as_id(use_id), amount=amount)

    async def give_back(self, use_id: str) -> None:
        await self._sql.run("DELETE FROM quota_uses WHERE id = :id", id=as_id(use_id))

    async def used(self, bucket: str) -> int:
        return int(
            await self._sql.value(
                "SELECT coalesce(sum(amount), 0) FROM quota_uses WHERE bucket = :bucket AND expires_at > now()",
                bucket=bucket,
            )
        )

    async def sweep(self) -> int:
        return await self._sql.run("DELETE FROM quota_uses WHERE expires_at <= now()")
