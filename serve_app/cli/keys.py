"""`hark keys`: API keys of accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from serve_app.cli.database import ProfileOption, with_database

if TYPE_CHECKING:
    from serve_app.adapters.database import Database
    from serve_app.ports.records import Account, ApiKey

commands = typer.Typer(name="keys", help="Create, list and revoke API keys.", no_args_is_help=True)
AccountOption = Annotated[
    str | None, typer.Option("--account", "-a", help="An account's id or e-mail; without it, the owner's.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands)


@commands.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    account: AccountOption = None,
    expires_in_days: Annotated[float | None, typer.Option(min=0.001)] = None,
    profile: ProfileOption = "embedded",
) -> None:
    """Create a key and print it: this is the only time it can be seen."""
    typer.echo(with_database(profile, lambda database: _create(database, account, name, expires_in_days)))


@commands.command("list")
def list_keys(account: AccountOption = None, profile: ProfileOption = "embedded") -> None:
    """List an account's keys; the keys themselves are stored nowhere."""

    async def keys(database: Database) -> list[ApiKey]:
        return await database.keys.page((await find_account(database, account)).id)

    times = ("created", "last used", "expires", "revoked")
    table = Table(Column("id", no_wrap=True), "name", Column("prefix", no_wrap=True), *times)
    for key in with_database(profile, keys):
        when = (key.created_at, key.last_used_at, key.expires_at, key.revoked_at)
        table.add_row(key.id, key.name, f"{key.prefix}…", *(f"{t:%Y-%m-%d %H:%M}" if t else "" for t in when))
    Console().print(table)


@commands.command()
def revoke(key_id: str, account: AccountOption = None, profile: ProfileOption = "embedded") -> None:
    """End a key for good; the service refuses it within seconds."""

    async def end(database: Database) -> None:
        await database.keys.revoke((await find_account(database, account)).id, key_id)

    with_database(profile, end)


async def find_account(database: Database, wanted: str | None) -> Account:
    """Return an account by id or e-mail, the owner's for None. Raises NotFound, or Conflict for several."""
    from serve_app.admission.authentication import owner_account
    from serve_app.errors import Conflict, NotFound

    if wanted is None:
        return await owner_account(database)
    if "@" not in wanted:
        return await database.accounts.get(wanted)
    found = await database.accounts.find_by_email(wanted)
    if not found:
        raise NotFound(f"There is no account of {wanted}.")
    if len(found) > 1:
        raise Conflict(f"Several accounts carry {wanted}: name one by id ({', '.join(a.id for a in found)}).")
    return found[0]


async def _create(database: Database, account: str | None, name: str, expires_in_days: float | None) -> str:
    from serve_app.admission.keys import new_key

    owner, key = await find_account(database, account), new_key()
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    await database.keys.create(owner.id, name=name, digest=key.digest, prefix=key.prefix, expires_at=expires_at)
    return key.secret
