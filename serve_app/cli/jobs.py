"""`hark jobs`: what waits, what runs and what has failed, of all accounts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.console import Console
from rich.table import Column, Table

from serve_app.cli.database import ProfileOption, with_database
from serve_app.cli.keys import AccountOption, find_account

if TYPE_CHECKING:
    from serve_app.adapters.database import Database
    from serve_app.jobs.model import Job
    from serve_app.jobs.service import JobService

commands = typer.Typer(name="jobs", help="Look at jobs, cancel them, run failed ones again.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands)


@commands.command("list")
def list_jobs(
    status: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    account: AccountOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    profile: ProfileOption = "embedded",
) -> None:
    """List jobs, newest first: those of all accounts unless one is named."""
    from serve_app.jobs.model import JobStatus

    wanted = next((name for name in get_args(JobStatus) if name == status), None)
    if status is not None and wanted is None:
        raise typer.BadParameter(f"one of {', '.join(get_args(JobStatus))}", param_hint="--status")

    async def jobs(database: Database) -> list[Job]:
        owner = (await find_account(database, account)).id if account else None
        return await database.jobs.page(owner, status=wanted, limit=limit)

    table = Table(
        Column("job", no_wrap=True),
        "kind",
        "status",
        "done",
        "tries",
        "credits",
        Column("created", no_wrap=True),
        "error",
    )
    for job in with_database(profile, jobs):
        table.add_row(
            job.id,
            job.kind,
            job.status,
            f"{job.progress:.0%}",
            str(job.attempts),
            str(job.credits_charged or job.credits_reserved),
            f"{job.created_at:%Y-%m-%d %H:%M}",
            job.error.code if job.error else "",
        )
    Console().print(table)


@commands.command()
def show(job_id: str, profile: ProfileOption = "embedded") -> None:
    """Print a job as JSON; the error of an attempt that others may still make good is in it."""
    from serve_app.jobs.views import job_view

    job = with_database(profile, lambda database: database.jobs.get(job_id))
    error = {"last_error": job.error.message, "last_error_code": job.error.code} if job.error else {}
    typer.echo(json.dumps({**job_view(job), "account_id": job.account_id, **error}, indent=2))


@commands.command()
def retry(job_id: str, profile: ProfileOption = "embedded") -> None:
    """Queue a failed job once more; its credits are reserved anew."""
    _told(_with_service(profile, lambda jobs: jobs.run_again(None, job_id)))


@commands.command()
def cancel(job_id: str, profile: ProfileOption = "embedded") -> None:
    """Cancel a job that has not ended: the work stops and its credits come back."""
    _told(_with_service(profile, lambda jobs: jobs.cancel(None, job_id)))


def _told(job: Job) -> None:
    typer.echo(f"{job.id}: {job.status}")


def _with_service(profile: str, work: Callable[[JobService], Awaitable[Job]]) -> Job:
    from configs.jobs import open_jobs
    from configs.load import app_settings, read_profile
    from configs.storage import open_objects

    async def run(database: Database) -> Job:
        settings = app_settings(read_profile(profile))
        objects, _ = open_objects(settings.storage, settings.data_path())
        service = open_jobs(
            settings.jobs,
            database=database,
            objects=objects,
            prices=settings.accounts.price_list(),
            data_dir=settings.data_path(),
            allow_private_urls=settings.api.allow_private_urls,
        )
        return await work(service)

    return with_database(profile, run)
