"""Answers already given, by the keys that clients repeat a request under."""

from __future__ import annotations

from datetime import timedelta

from serve_app.adapters.database.sql import Sql, as_id
from serve_app.errors import Conflict
from serve_app.ports.records import Replay

# A row is taken over only by the same request, and only after its first run is taken for crashed.
BEGIN = """
INSERT INTO idempotency_keys AS k (account_id, key, fingerprint, running_until)
VALUES (:account_id, :key, :fingerprint, clock_timestamp() + :ttl)
ON CONFLICT (account_id, key) DO UPDATE SET running_until = excluded.running_until
WHERE k.state = 'running' AND k.running_until <= clock_timestamp() AND k.fingerprint = excluded.fingerprint
"""
OF_KEY = "WHERE account_id = :account_id AND key = :key"


class SqlIdempotency:
    """The IdempotencyStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def begin(self, account_id: str, key: str, *, fingerprint: bytes, ttl_s: float) -> Replay | None:
        owner = as_id(account_id)
        started = await self._sql.run(
            BEGIN, account_id=owner, key=key, fingerprint=fingerprint, ttl=timedelta(seconds=ttl_s)
        )
        if started:
            return None
        row = await self._sql.row(
            f"SELECT fingerprint, state, status, body, content_type FROM idempotency_keys {OF_KEY}",  # noqa: S608
            account_id=owner,
            key=key,
        )
        if row is not None and bytes(row["fingerprint"]) != fingerprint:
            raise Conflict("Another request was already made with this Idempotency-Key; use a new one.")
        if row is None or row["state"] == "running":
            raise Conflict(
                "The request with this Idempotency-Key is still running; ask again when it has ended.", retry_after_s=2
            )
        return Replay(status=row["status"], body=bytes(row["body"]), content_type=row["content_type"])

    async def finish(self, account_id: str, key: str, answer: Replay) -> None:
        await self._sql.run(
            f"UPDATE idempotency_keys SET state = 'finished', status = :status, body = :body, "  # noqa: S608
            f"content_type = :content_type {OF_KEY} AND state = 'running'",
            account_id=as_id(account_id),
            key=key,
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
        )

    async def abandon(self, account_id: str, key: str) -> None:
        await self._sql.run(
            f"DELETE FROM idempotency_keys {OF_KEY} AND state = 'running'",  # noqa: S608
            account_id=as_id(account_id),
            key=key,
        )

    async def sweep(self, *, older_than_s: float = 86_400.0) -> int:
        return await self._sql.run(
            "DELETE FROM idempotency_keys WHERE created_at <= now() - :age", age=timedelta(seconds=older_than_s)
        )
