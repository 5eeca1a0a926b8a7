"""API keys by their digests."""

from __future__ import annotations

from datetime import datetime

from serve_app.adapters.database.accounts import COLUMNS as ACCOUNT
from serve_app.adapters.database.sql import Sql, as_id, fields_of, new_id
from serve_app.errors import NotFound
from serve_app.ports.records import Account, ApiKey, KeyOwner

COLUMNS = "id, account_id, name, prefix, created_at, last_used_at, expires_at, revoked_at"

# The use is noted at most once a minute and never waited for: authentication writes almost nothing.
OWNER = f"""
WITH owner AS (
    SELECT {", ".join(f"k.{c} AS key_{c}" for c in COLUMNS.split(", "))},
           {", ".join(f"a.{c}" for c in ACCOUNT.split(", "))}
    FROM api_keys k JOIN accounts a ON a.id = k.account_id
    WHERE k.digest = :digest AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
), used AS (
    UPDATE api_keys SET last_used_at = now() WHERE id = (
        SELECT k.id FROM api_keys k JOIN owner o ON o.key_id = k.id
        WHERE k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute' FOR UPDATE OF k SKIP LOCKED
    )
)
SELECT * FROM owner
"""  # noqa: S608 - only our own column names


class SqlKeys:
    """The KeyStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def create(
        self, account_id: str, *, name: str, digest: bytes, prefix: str, expires_at: datetime | None = None
    ) -> ApiKey:
        row = await self._sql.row(
            "INSERT INTO api_keys (id, account_id, name, digest, prefix, expires_at) "  # noqa: S608
            "SELECT CAST(:id AS uuid), id, :name, :digest, :prefix, CAST(:expires_at AS timestamptz) "
            f"FROM accounts WHERE id = :account_id RETURNING {COLUMNS}",
            id=new_id(),
            account_id=as_id(account_id),
            name=name,
            digest=digest,
            prefix=prefix,
            expires_at=expires_at,
        )
        if row is None:
            raise NotFound("There is no such account.")
        return ApiKey(**fields_of(row))

    async def owner_of(self, digest: bytes) -> KeyOwner | None:
        row = await self._sql.row(OWNER, digest=digest)
        if row is None:
            return None
        fields = fields_of(row)
        key = {name.removeprefix("key_"): fields.pop(name) for name in list(fields) if name.startswith("key_")}
        return KeyOwner(key=ApiKey(**key), account=Account(**fields))

    async def page(self, account_id: str) -> list[ApiKey]:
        rows = await self._sql.rows(
            f"SELECT {COLUMNS} FROM api_keys WHERE account_id = :account_id ORDER BY created_at DESC, id DESC",  # noqa: S608
            account_id=as_id(account_id),
        )
        return [ApiKey(**fields_of(row)) for row in rows]

    async def revoke(self, account_id: str, key_id: str) -> ApiKey:
        row = await self._sql.row(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) "  # noqa: S608
            f"WHERE id = :id AND account_id = :account_id RETURNING {COLUMNS}",
            id=as_id(key_id),
            account_id=as_id(account_id),
        )
        if row is None:
            raise NotFound("There is no such key.")
        return ApiKey(**fields_of(row))
