"""One object for the whole database: a bounded pool, the stores on it, and transactions over several of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from serve_app.adapters.database import schema
from serve_app.adapters.database.accounts import SqlAccounts
from serve_app.adapters.database.chats import SqlChats
from serve_app.adapters.database.idempotency import SqlIdempotency
from serve_app.adapters.database.insights import SqlInsights
from serve_app.adapters.database.jobs import SqlJobs
from serve_app.adapters.database.keys import SqlKeys
from serve_app.adapters.database.ledger import SqlLedger
from serve_app.adapters.database.limits import SqlLeases, SqlQuotas
from serve_app.adapters.database.outage import PatientConnect
from serve_app.adapters.database.passages import SqlPassages
from serve_app.adapters.database.sql import Sql, unavailable_when_down
from serve_app.adapters.database.transcripts import SqlTranscripts
from serve_app.adapters.database.usage import SqlUsage
from serve_app.jobs.ports import JobStore
from serve_app.ports.insights import InsightStore
from serve_app.ports.passages import ChatStore, PassageStore
from serve_app.ports.stores import (
    AccountStore,
    IdempotencyStore,
    KeyStore,
    LeaseStore,
    Ledger,
    QuotaStore,
    TranscriptStore,
    UsageStore,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

CONNECT_TIMEOUT_S = 3


class Transaction:
    """Stores on one connection. `sql` runs what has no store, e.g. putting a job into its queue."""

    def __init__(self, sql: Sql) -> None:
        self.sql = sql
        self.accounts: AccountStore = SqlAccounts(sql)
        self.keys: KeyStore = SqlKeys(sql)
        self.ledger: Ledger = SqlLedger(sql)
        self.usage: UsageStore = SqlUsage(sql)
        self.transcripts: TranscriptStore = SqlTranscripts(sql)
        self.passages: PassageStore = SqlPassages(sql)
        self.chats: ChatStore = SqlChats(sql)
        self.insights: InsightStore = SqlInsights(sql)
        self.idempotency: IdempotencyStore = SqlIdempotency(sql)
        self.jobs: JobStore = SqlJobs(sql)


class Database(Transaction):
    """The stores on a pool: each call is a transaction of its own. Connects at first use; belongs to one event loop.

    `url` is libpq's, e.g. postgresql://user:password@host/name. At most `pool_size` connections are open; a call waits
    `pool_timeout_s` for one, then `statement_timeout_s` for its statement, of which `lock_timeout_s` for locks. In the
    first `patience_s` of an outage callers wait for its end. Connections that nobody needed for `idle_s` are closed.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        pool_timeout_s: float = 5.0,
        statement_timeout_s: float = 10.0,
        lock_timeout_s: float = 5.0,
        idle_s: float = 60.0,
        patience_s: float = 0.0,
    ) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine

        self.url = sqlalchemy_url(url)
        session = (
            f"-c timezone=UTC -c statement_timeout={round(statement_timeout_s * 1000)} "
            f"-c lock_timeout={round(lock_timeout_s * 1000)} -c idle_in_transaction_session_timeout=30000 "
            f"-c idle_session_timeout={round(idle_s * 1000)}"  # by the server: the pool itself only closes when asked
        )
        self._engine = create_async_engine(
            self.url,
            isolation_level="AUTOCOMMIT",  # one statement is one transaction and one round trip
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout_s,
            pool_pre_ping=True,
            pool_use_lifo=True,  # those that a peak needed become idle
            pool_recycle=1800,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": session},
        )
        self._connect = PatientConnect(self._engine.connect, patience_s=patience_s)
        super().__init__(Sql(self._connect))
        self.at_once = Sql(self._engine.connect)  # for those who ask whether it is there
        self.leases: LeaseStore = SqlLeases(self.sql)
        self.quotas: QuotaStore = SqlQuotas(self.sql)

    async def migrate(self) -> None:
        """Bring the schema up to date; raises SchemaTooNew for a database that a newer version has used."""
        await schema.migrate(self.url)

    async def ping(self) -> None:
        """Raise DatabaseUnavailable unless the database answers."""
        await self.at_once.value("SELECT 1")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Lend the stores for one transaction: committed at the end of the block, undone by an exception in it."""
        async with unavailable_when_down(), self._connect() as pooled:
            connection = await pooled.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                yield Transaction(Sql(lambda: _lent(connection)))

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        await self._engine.dispose()

    async def __aenter__(self) -> Self:
        """Migrate, and close at the end of the block."""
        await self.migrate()
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.close()


@asynccontextmanager
async def _lent(connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    yield connection


def sqlalchemy_url(url: str) -> str:
    """Return a PostgreSQL URL with the driver that is used here; raises ValueError for another database's."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("the database must be PostgreSQL: postgresql://user:password@host:port/name")
    return f"postgresql+psycopg://{rest}"
