"""`hark accounts`: who may use the service, on which plan, with how many credits."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Column, Table

from serve_app.cli.database import ProfileOption, with_database
from serve_app.cli.keys import find_account

if TYPE_CHECKING:
    from serve_app.adapters.database import Database
    from serve_app.ports.records import Account

commands = typer.Typer(name="accounts", help="Create, list and change accounts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands)


@commands.command()
def create(
    email: Annotated[str | None, typer.Option()] = None,
    name: Annotated[str, typer.Option()] = "",
    plan: Annotated[str, typer.Option(help="A plan of the settings: free, paid, unlimited, …")] = "free",
    profile: ProfileOption = "embedded",
) -> None:
    """Create an account and print its id."""

    async def make(database: Database) -> str:
        _require_plan(profile, plan)
        return (await database.accounts.create(email=email, name=name, plan=plan)).id

    typer.echo(with_database(profile, make))


@commands.command("list")
def list_accounts(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    profile: ProfileOption = "embedded",
) -> None:
    """List accounts, newest first, with their balances."""

    async def accounts(database: Database) -> list[tuple[Account, int]]:
        page = await database.accounts.page(limit=limit, offset=offset)
        return [(account, await database.ledger.balance(account.id)) for account in page]

    table = Table(Column("id", no_wrap=True), "name", "e-mail", "plan", "role", "credits")
    for account, credits in with_database(profile, accounts):
        table.add_row(account.id, account.name, account.email or "", account.plan, account.role, str(credits))
    Console().print(table)


@commands.command()
def change(
    account: str,
    plan: Annotated[str | None, typer.Option()] = None,
    role: Annotated[Literal["user", "admin"] | None, typer.Option()] = None,
    profile: ProfileOption = "embedded",
) -> None:
    """Change an account's plan or role."""

    async def update(database: Database) -> None:
        if plan is not None:
            _require_plan(profile, plan)
        await database.accounts.update((await find_account(database, account)).id, plan=plan, role=role)

    with_database(profile, update)


@commands.command()
def grant(
    account: str,
    credits: Annotated[int, typer.Argument(min=1)],
    reason: Annotated[str, typer.Option()] = "",
    reference: Annotated[str | None, typer.Option(help="Granting twice under one reference grants once.")] = None,
    profile: ProfileOption = "embedded",
) -> None:
    """Give an account credits and print its balance."""

    async def give(database: Database) -> int:
        found = await find_account(database, account)
        return await database.ledger.grant(
            found.id, credits, reference=reference or f"grant:{uuid.uuid4()}", reason=reason
        )

    typer.echo(with_database(profile, give))


def _require_plan(profile: str, plan: str) -> None:
    from configs.load import app_settings, read_profile
    from serve_app.errors import NotFound

    plans = app_settings(read_profile(profile)).accounts.plan_table().plans
    if plan not in plans:
        raise NotFound(f"There is no plan {plan!r}; there are {', '.join(plans)}.")
