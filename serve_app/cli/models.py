"""`hark models`: what weights are known and installed, fetching and checking them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from configs.weights import WeightsRegistry, load_registry
from serve_app.adapters import weights
from serve_app.adapters.weights import PullProgress, WeightsError, WeightSet
from serve_app.cli.faults import print_fault

DEFAULT_PROFILE = "embedded"

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAMES]...", help="Weight sets, as `list` names them.")]
Profile = Annotated[str, typer.Option(envvar="HARK_PROFILE", help="The profile whose weights are meant.")]

models_app = typer.Typer(help="List, fetch and check model weights.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(models_app, name="models")


@models_app.command("list")
def list_models() -> None:
    """Show every known set of weights and whether it is installed."""
    registry, data_dir = _registry(), weights.default_data_dir()
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for heading in ("name", "installed", "size", "licence", "profiles"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=True)
    for weight_set in registry.sets:
        profiles = ", ".join(name for name, sets in registry.profiles.items() if weight_set.name in sets)
        table.add_row(
            weight_set.name,
            _installed(data_dir, weight_set),
            megabytes(weight_set.size_bytes),
            weight_set.licence,
            profiles,
        )
    console = Console()
    console.print(table)
    console.print(f"\nin {escape(str(data_dir / 'weights'))}", highlight=False, soft_wrap=True)


@models_app.command()
def pull(
    names: Names = None,
    profile: Profile = DEFAULT_PROFILE,
    every: Annotated[bool, typer.Option("--all", help="Also what the profile fetches on first use.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Read what is installed and replace damaged files.")] = False,
) -> None:
    """Fetch weights, by default those of the profile. A pull that was interrupted goes on where it stopped."""
    wanted = _chosen(_registry(), names, profile, later_too=every)
    if not pull_with_progress(wanted, data_dir=weights.default_data_dir(), repair=repair):
        raise typer.Exit(1)


@models_app.command()
def verify(names: Names = None, profile: Profile = DEFAULT_PROFILE) -> None:
    """Read weights and compare their hashes; by default those of the profile and whatever else is installed."""
    registry, data_dir, console = _registry(), weights.default_data_dir(), Console()
    wanted = list(_chosen(registry, names, profile))
    if not names:
        wanted += [s for s in registry.sets if s not in wanted and weights.status(data_dir, s).present]
    broken = False
    for weight_set in wanted:
        with console.status(f"reading {weight_set.name} ({megabytes(weight_set.size_bytes)})"):
            found = weights.verify(data_dir, weight_set)
        if found.intact:
            console.print(f"[green]intact[/]  {weight_set.name}")
            continue
        broken = True
        remedy = "--repair " if found.present else ""
        console.print(
            f"[red]broken[/]  {weight_set.name}: {escape('; '.join(found.problems))}", highlight=False, soft_wrap=True
        )
        console.print(
            f"        to mend it: hark models pull {remedy}{weight_set.name}", highlight=False, soft_wrap=True
        )
    if broken:
        raise typer.Exit(1)


def pull_profile(profile: str, *, data_dir: Path) -> bool:
    """Fetch what a profile still lacks, with a progress bar; False, and the reason printed, when that failed."""
    return pull_with_progress(_registry().for_profile(profile), data_dir=data_dir, quiet_when_installed=True)


def pull_with_progress(
    wanted: Sequence[WeightSet], *, data_dir: Path, repair: bool = False, quiet_when_installed: bool = False
) -> bool:
    """Fetch sets one after the other and show how far each has come; False when one failed."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    complete = True
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        for weight_set in wanted:
            bar = _Bar(bars, weight_set.name)
            try:
                done = weights.pull(
                    data_dir, weight_set, repair=repair, on_progress=bar.show, on_note=lambda note: _note(console, note)
                )
            except WeightsError as fault:
                complete = False
                console.print(f"[red]failed[/]     {escape(str(fault))}", highlight=False, soft_wrap=True)
            else:
                if done.source:
                    console.print(
                        f"[green]pulled[/]     {done.name} from the {escape(done.source)}",
                        highlight=False,
                        soft_wrap=True,
                    )
                elif not quiet_when_installed:
                    console.print(f"[green]installed[/]  {done.name}", highlight=False, soft_wrap=True)
            finally:
                bar.remove()
    return complete


class _Bar:
    """One row of the progress display; it starts afresh with each stage."""

    def __init__(self, bars: Progress, name: str) -> None:
        self._bars = bars
        self._name = name
        self._task: TaskID | None = None
        self._stage = ""

    def show(self, progress: PullProgress) -> None:
        if progress.stage != self._stage:
            self.remove()
            self._stage = progress.stage
            description = f"{progress.stage:11} {self._name}"
            self._task = self._bars.add_task(description, total=progress.total_bytes)
        if self._task is not None:
            self._bars.update(self._task, completed=progress.done_bytes)

    def remove(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None


def _note(console: Console, note: str) -> None:
    console.print(f"[yellow]note[/]       {escape(note)}", highlight=False, soft_wrap=True)


def _registry() -> WeightsRegistry:
    try:
        return load_registry()
    except WeightsError as fault:
        raise _refused(fault) from fault


def _chosen(
    registry: WeightsRegistry, names: list[str] | None, profile: str, *, later_too: bool = False
) -> tuple[WeightSet, ...]:
    try:
        if names:
            return tuple(registry.get(name) for name in names)
        return registry.for_profile(profile, later_too=later_too)
    except WeightsError as fault:
        raise _refused(fault) from fault


def _refused(fault: WeightsError) -> typer.Exit:
    print_fault(fault)
    return typer.Exit(1)


def _installed(data_dir: Path, weight_set: WeightSet) -> str:
    found = weights.status(data_dir, weight_set)
    if found.intact:
        return "[green]yes[/]"
    return "[red]damaged[/]" if found.present else "no"


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.1f} GB"
