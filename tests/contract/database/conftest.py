"""A real PostgreSQL for the whole run: one server, and a database of its own for each test module."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from job_world import World

from serve_app.adapters.database import Database, EmbeddedPostgres
from serve_app.ports.records import Account

# What is asked of the disk is the server's own business; tests of crashes use a server with the defaults.
FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """Return a directory that the server's user may reach; pytest's own are closed to all but us."""
    made = Path(tempfile.mkdtemp(prefix="hark-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def server(short_dir: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(short_dir / "postgres", settings=FAST) as running:
        yield running


@pytest.fixture(scope="session")
def new_database(server: EmbeddedPostgres) -> Callable[[str, str], str]:
    """Return a function that makes a database from another one and returns its URL."""

    def make(name: str, template: str) -> str:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return server.url.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
def migrated(new_database: Callable[[str, str], str]) -> str:
    """Return the name of a database with the schema and nothing in it."""
    url = new_database("migrated", "template1")

    async def migrate() -> None:
        async with Database(url):
            pass

    asyncio.run(migrate())
    return "migrated"


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest, new_database: Callable[[str, str], str], migrated: str) -> str:
    """Return the URL of this module's database."""
    return new_database(request.module.__name__, migrated)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
async def other_replica(url: str) -> AsyncIterator[Database]:
    """Return a second pool on the same database."""
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
def funded(database: Database) -> Callable[[int], Awaitable[Account]]:
    """Return a function that makes an account with a balance."""

    async def make(credits: int) -> Account:
        account = await database.accounts.create()
        if credits:
            await database.ledger.grant(account.id, credits, reference="start")
        return account

    return make


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    """Return jobs on the module's database."""
    return World(database, tmp_path, claims_s=120.0)
