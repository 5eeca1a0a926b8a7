"""Statements on one database: how they are sent, what their faults mean, and the types that need care."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from secrets import randbits
from typing import TYPE_CHECKING, Any

from serve_app.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from sqlalchemy import CursorResult, RowMapping, TextClause
    from sqlalchemy.ext.asyncio import AsyncConnection

RETRY_AFTER_S = 2
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL's text holds no NUL and no lone surrogate

Connect = Callable[[], AbstractAsyncContextManager["AsyncConnection"]]


class Sql:
    """Runs statements with named parameters (`:name`), each on what `connect` lends it."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def rows(self, statement: str, **values: Any) -> Sequence[RowMapping]:
        """Return all rows."""
        async with self._result(statement, values) as result:
            return result.mappings().all()

    async def row(self, statement: str, **values: Any) -> RowMapping | None:
        """Return the first row, None without one."""
        async with self._result(statement, values) as result:
            return result.mappings().first()

    async def value(self, statement: str, **values: Any) -> Any:
        """Return the first column of the first row, None without one."""
        async with self._result(statement, values) as result:
            return result.scalar()

    async def run(self, statement: str, **values: Any) -> int:
        """Return how many rows it touched."""
        async with self._result(statement, values) as result:
            return result.rowcount

    @asynccontextmanager
    async def _result(self, statement: str, values: Mapping[str, Any]) -> AsyncIterator[CursorResult[Any]]:
        storable = {name: _storable(value) for name, value in values.items()}
        async with unavailable_when_down(), self._connect() as connection:
            yield await connection.execute(_text(statement), storable)


@asynccontextmanager
async def unavailable_when_down() -> AsyncIterator[None]:
    """Turn every fault of reaching the database, or of waiting for it, into DatabaseUnavailable."""
    from sqlalchemy.exc import InterfaceError, OperationalError
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError) as fault:
        # The driver's message would name hosts and statements; its class says enough: e.g. LockNotAvailable.
        reason = type(getattr(fault, "orig", None) or fault).__name__
        raise DatabaseUnavailable(
            "The database does not answer in time; try again shortly.", retry_after_s=RETRY_AFTER_S, reason=reason
        ) from fault


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): neighbours in time are neighbours in the index."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | randbits(12) << 64 | 0b10 << 62 | randbits(62)
    return str(uuid.UUID(int=bits))


def as_id(value: str) -> uuid.UUID | None:
    """Return the UUID that a caller wrote, None if it is none: then nothing has this id."""
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def fields_of(row: RowMapping, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return a row as keyword arguments of its value class."""
    return {
        name: str(value) if isinstance(value, uuid.UUID) else value
        for name, value in row.items()
        if name not in without
    }


@lru_cache(maxsize=256)
def _text(statement: str) -> TextClause:
    """Return one object for each statement, by which SQLAlchemy remembers its compiled form."""
    from sqlalchemy import text

    return text(statement)


def _storable(value: Any) -> Any:
    return _NOT_STORABLE.sub("�", value) if isinstance(value, str) else value
