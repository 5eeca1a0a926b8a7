"""What `hark serve` does before Ray: the database, and the first admin key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from serve_app.cli.database import in_database

if TYPE_CHECKING:
    from configs.settings import AppSettings
    from serve_app.adapters.database import Database


@contextmanager
def running_database(settings: AppSettings) -> Iterator[None]:
    """Keep the embedded server for the block, unless a URL names another; print the admin key if it is the first start.

    Raises ServerError, or a SpeechError when the database of the URL does not answer.
    """
    from configs.storage import embedded_server

    server = None if settings.database.url else embedded_server(settings.data_path())
    if server is not None:
        server.start()
    try:
        key = in_database(settings, _first_admin_key)
        if key is not None:
            told = f"The admin's API key, shown this once (`hark keys create` makes others): [bold]{key}[/]"
            Console(stderr=True).print(told, soft_wrap=True)
        yield
    finally:
        if server is not None:
            server.stop()


async def _first_admin_key(database: Database) -> str | None:
    from serve_app.admission.authentication import owner_account
    from serve_app.admission.keys import new_key

    owner = await owner_account(database)
    if await database.keys.page(owner.id):
        return None
    key = new_key()
    await database.keys.create(owner.id, name="first start", digest=key.digest, prefix=key.prefix)
    return key.secret
