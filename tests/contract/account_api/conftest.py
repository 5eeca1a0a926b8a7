"""The Account API in this process, over a real PostgreSQL, a directory of objects and the real document libraries."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from account_service import AccountService, a_service

from serve_app.adapters.database import Database, EmbeddedPostgres

# No test here is about crashes.
_FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def account_database() -> Iterator[str]:
    """Return the URL of a database with the schema. Tests share it; each makes accounts of its own."""
    made = Path(tempfile.mkdtemp(prefix="hark-", dir="/tmp"))  # pytest's own are closed to the server's user
    try:
        with EmbeddedPostgres(made / "postgres", settings=_FAST) as server:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE account_api TEMPLATE template1")
            url = server.url.replace("/postgres?", "/account_api?")

            async def migrate() -> None:
                async with Database(url):
                    pass

            asyncio.run(migrate())
            yield url
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
async def service(account_database: str, tmp_path: Path) -> AsyncIterator[AccountService]:
    database = Database(account_database)
    yield a_service(database, tmp_path)
    await database.close()


@pytest.fixture
async def anonymous(service: AccountService) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as client:
        yield client


@pytest.fixture
async def client(service: AccountService) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client with the key of a new account."""
    async with service.client(await service.new_tenant()) as client:
        yield client
