"""The schema comes up to date by itself, once, whoever starts first."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable

import pytest

from serve_app.adapters.database import Database
from serve_app.adapters.database.schema import SchemaTooNew

MIGRATE = """
import asyncio, sys
from serve_app.adapters.database import Database
async def main():
    async with Database(sys.argv[1]) as database:
        await database.accounts.create(email="replica@example.org")
asyncio.run(main())
"""


def test_replicas_that_start_at_once_migrate_once(new_database: Callable[[str, str], str]) -> None:
    url = new_database("many_start", "template1")
    replicas = [subprocess.Popen([sys.executable, "-c", MIGRATE, url]) for _ in range(4)]
    assert [replica.wait(60) for replica in replicas] == [0, 0, 0, 0]

    async def created() -> int:
        async with Database(url) as database:
            return len(await database.accounts.find_by_email("replica@example.org"))

    assert asyncio.run(created()) == 4


async def test_migrating_again_changes_nothing(database: Database) -> None:
    account = await database.accounts.create()
    await database.migrate()
    assert await database.accounts.get(account.id) == account


async def test_a_schema_of_a_newer_version_is_refused(new_database: Callable[[str, str], str], migrated: str) -> None:
    newer = Database(new_database("newer", migrated))
    await newer.sql.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="newer version"):
        await newer.migrate()
    await newer.close()
