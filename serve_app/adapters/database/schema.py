"""The schema: migrations inside this package, applied on start by whoever comes first."""

from __future__ import annotations

from pathlib import Path

from serve_app.adapters.database.sql import unavailable_when_down

_LOCK = 0x4861726B  # "Hark": one migration at a time in a database, whoever runs it
_LONGEST_S = 300


class SchemaTooNew(RuntimeError):
    """The database was used by a newer version of this program than the one that runs now."""


async def migrate(url: str) -> None:
    """Bring the schema up to date, in one transaction; several processes may do so at once."""
    import asyncio

    async with unavailable_when_down():
        await asyncio.to_thread(_migrate, url)


def _migrate(url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LONGEST_S}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as fault:
            raise SchemaTooNew(f"{SchemaTooNew.__doc__} ({fault})") from fault
