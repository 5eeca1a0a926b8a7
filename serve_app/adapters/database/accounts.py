"""Accounts and who they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from serve_app.adapters.database.sql import Sql, as_id, fields_of, new_id
from serve_app.errors import NotFound
from serve_app.ports.records import Account, Role

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

COLUMNS = "id, email, name, plan, role, preferences, created_at"


class SqlAccounts:
    """The AccountStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def create(
        self, *, email: str | None = None, name: str = "", plan: str = "free", role: Role = "user"
    ) -> Account:
        return _found(
            await self._sql.row(
                f"INSERT INTO accounts (id, email, name, plan, role) VALUES (:id, :email, :name, :plan, :role) "  # noqa: S608
                f"RETURNING {COLUMNS}",
                id=new_id(),
                email=email,
                name=name,
                plan=plan,
                role=role,
            )
        )

    async def get(self, account_id: str) -> Account:
        return _found(await self._sql.row(f"SELECT {COLUMNS} FROM accounts WHERE id = :id", id=as_id(account_id)))  # noqa: S608

    async def find_by_email(self, email: str) -> list[Account]:
        rows = await self._sql.rows(
            f"SELECT {COLUMNS} FROM accounts WHERE lower(email) = lower(:email) ORDER BY created_at, id",  # noqa: S608
            email=email,
        )
        return [account_of(row) for row in rows]

    async def by_identity(
        self, *, issuer: str, subject: str, email: str | None = None, name: str = "", plan: str = "free"
    ) -> Account:
        query = (
            f"SELECT {', '.join('a.' + c for c in COLUMNS.split(', '))} FROM identities i "  # noqa: S608
            "JOIN accounts a ON a.id = i.account_id WHERE i.issuer = :issuer AND i.subject = :subject"
        )
        known = await self._sql.row(query, issuer=issuer, subject=subject)
        if known is not None:
            return account_of(known)
        account_id = await self._sql.value(
            "SELECT hark_account_of(CAST(:id AS uuid), :issuer, :subject, :email, :name, :plan)",
            id=new_id(),
            issuer=issuer,
            subject=subject,
            email=email,
            name=name,
            plan=plan,
        )
        return await self.get(str(account_id))

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
        return _found(
            await self._sql.row(
                "UPDATE accounts SET name = coalesce(:name, name), email = coalesce(:email, email), "  # noqa: S608
                "plan = coalesce(:plan, plan), role = coalesce(:role, role), "
                f"preferences = coalesce(CAST(:preferences AS json), preferences) WHERE id = :id RETURNING {COLUMNS}",
                id=as_id(account_id),
                name=name,
                email=email,
                plan=plan,
                role=role,
                preferences=None if preferences is None else json.dumps(dict(preferences)),
            )
        )

    async def page(self, *, limit: int = 50, offset: int = 0) -> list[Account]:
        rows = await self._sql.rows(
            f"SELECT {COLUMNS} FROM accounts ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset",  # noqa: S608
            limit=limit,
            offset=offset,
        )
        return [account_of(row) for row in rows]


def account_of(row: RowMapping) -> Account:
    """Return the account of a row of COLUMNS."""
    return Account(**fields_of(row))


def _found(row: RowMapping | None) -> Account:
    if row is None:
        raise NotFound("There is no such account.")
    return account_of(row)
