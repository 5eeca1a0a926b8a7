"""The database for commands: the service's own, whether or not the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from serve_app.cli.faults import print_fault

if TYPE_CHECKING:
    from configs.settings import AppSettings
    from serve_app.adapters.database import Database

Result = TypeVar("Result")

ProfileOption = Annotated[
    str, typer.Option(envvar="HARK_PROFILE", help="A shipped profile (embedded, gpu) or a Serve config file.")
]


def with_database(profile: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run `work` on a profile's database; its faults become one sentence and exit code 1."""
    from pydantic import ValidationError

    from configs.load import app_settings, read_profile
    from serve_app.adapters.database import ServerError
    from serve_app.errors import SpeechError

    try:
        return in_database(app_settings(read_profile(profile)), work)
    except SpeechError as fault:
        print_fault(fault.message)
    except (ServerError, FileNotFoundError, ValidationError, ValueError) as fault:
        print_fault(fault)
    raise typer.Exit(1)


def in_database(settings: AppSettings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run `work` on the database, starting the embedded server for it if it does not run."""
    from configs.storage import embedded_server, open_database

    server = None if settings.database.url else embedded_server(settings.data_path())
    if server is not None:
        server.start()
    try:

        async def run() -> Result:
            async with open_database(settings.database, settings.data_path()) as database:
                return await work(database)

        return asyncio.run(run())
    finally:
        if server is not None:
            server.stop()
