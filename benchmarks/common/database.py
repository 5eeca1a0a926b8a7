"""A database of a benchmark's own: embedded, empty, thrown away afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.common.own_service import own_directory
from serve_app.adapters.database import Database, EmbeddedPostgres


@asynccontextmanager
async def fresh_database() -> AsyncIterator[Database]:
    """Run a database for the block."""
    with own_directory() as directory, EmbeddedPostgres(directory / "postgres") as server:
        async with Database(server.url) as database:
            yield database
