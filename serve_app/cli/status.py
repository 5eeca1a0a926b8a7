"""`hark status`: deployments, replicas, queues and speed of a running service, once or as a table that lives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import httpx
import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from serve_app.cli.faults import print_fault
from serve_app.cli.overview import DeploymentRow, Overview, overview
from serve_app.cli.scrape import Sample, scrape

_TIMEOUT_S = 10.0
_COLOURS = {"HEALTHY": "green", "UPSCALING": "yellow", "DOWNSCALING": "yellow", "UPDATING": "yellow"}

console = Console()


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(
    url: Annotated[str, typer.Option(envvar="HARK_URL", help="The service.")] = "http://127.0.0.1:8000",
    api_key: Annotated[
        str | None, typer.Option(envvar="HARK_API_KEY", help="An admin's key; not needed on an open machine.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.")] = False,
    every_s: Annotated[float, typer.Option("--every", min=1, help="Seconds between two looks.")] = 5.0,
) -> None:
    """Show deployments, replicas, queues and the speed of recognition."""
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:
            health, nodes, note = _ask(client, api_key)
            first = scrape(nodes)
            if not watch:
                console.print(table(overview(health, first), note=note, since="since the service began"))
                return
            _watch(client, api_key, first, every_s)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
        print_fault(f"Nothing that is Hark answers at {url} ({type(fault).__name__}).")
        raise typer.Exit(1) from fault
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _watch(client: httpx.Client, api_key: str | None, earlier: Sequence[Sample], every_s: float) -> None:
    with Live(console=console, auto_refresh=False) as live:
        since_s = time.monotonic()
        while True:
            health, nodes, note = _ask(client, api_key)
            seen = overview(health, scrape(nodes), earlier)
            live.update(table(seen, note=note, since=f"in {time.monotonic() - since_s:.0f} s"), refresh=True)
            time.sleep(every_s)


def _ask(client: httpx.Client, api_key: str | None) -> tuple[dict[str, Any], list[str], str]:
    """Return the service's health, where its nodes tell their metrics, and what is missing of that."""
    health: dict[str, Any] = client.get("/health").json()
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    answer = client.get("/api/v1/cloud/", headers=headers)
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return health, [], "Queues and speeds are for admins: set HARK_API_KEY to an admin's or the operator's key."
    nodes = [node for node in answer.raise_for_status().json()["instances"] if node.get("alive")]
    targets = [f"{node['address']}:{node['metrics_port']}" for node in nodes if node.get("metrics_port")]
    return health, targets, ""


def table(seen: Overview, *, note: str = "", since: str = "") -> RenderableType:
    """Draw it."""
    parts: list[RenderableType] = [_summary(seen, since), _deployments(seen.deployments)]
    if seen.models:
        parts.append(_models(seen))
    if note or not any(row.calls_waiting is not None for row in seen.deployments):
        parts.append(note or "The metrics of the nodes cannot be reached from here: no queues, no speeds.")
    return Group(*parts)


def _summary(seen: Overview, since: str) -> str:
    database = {True: "answers", False: "[red]is away[/]", None: "?"}[seen.database_up]
    return (
        f"[bold]{seen.status}[/]  {seen.requests} requests {since}, {seen.faults} of them faults · "
        f"{seen.sessions} live sessions · jobs: {seen.jobs_queued} queued, {seen.jobs_running} running · "
        f"database {database}"
    )


def _deployments(rows: Sequence[DeploymentRow]) -> Table:
    drawn = _table("deployment", "state", "replicas", "waiting", "running")
    for row in rows:
        state = "rests" if row.rests else row.state.lower().replace("_", " ")
        replicas = str(row.running) if row.wanted is None else f"{row.running} of {row.wanted}"
        colour = _COLOURS.get(row.state, "red")
        drawn.add_row(
            row.name, f"[{colour}]{state}[/]", replicas, _or_blank(row.calls_waiting), _or_blank(row.calls_running)
        )
    return drawn


def _models(seen: Overview) -> Table:
    drawn = _table("recognizer", "RTFx", "audio", "waiting", "again")
    for row in seen.models:
        rtfx = "–" if row.rtfx is None else f"{row.rtfx:.1f}"
        drawn.add_row(row.model, rtfx, _minutes(row.audio_s), _minutes(row.waiting_s), f"{row.fallback_share:.1%}")
    return drawn


def _table(*headings: str) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for i, heading in enumerate(headings):
        # A narrow terminal cuts names, not figures.
        least = None if i == 0 else max(len(heading), 12 if heading == "state" else 6)
        drawn.add_column(
            heading, justify="left" if i == 0 or heading == "state" else "right", no_wrap=True, min_width=least
        )
    return drawn


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _or_blank(count: int | None) -> str:
    return "" if count is None else str(count)
