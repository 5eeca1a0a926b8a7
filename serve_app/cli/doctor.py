"""`hark doctor`: what is missing on this machine, in plain words, each with what to do."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from configs.weights import load_registry
from serve_app.adapters import weights
from serve_app.adapters.weights import WeightsError
from serve_app.cli import checks, checks_around, checks_packages
from serve_app.cli.models import DEFAULT_PROFILE

_MARKS = {"ok": "[green]ok[/]     ", "note": "[yellow]note[/]   ", "blocks": "[red]blocks[/] "}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Read the weights and compare their hashes.")] = False,
    port: Annotated[int, typer.Option(help="The port the service is to listen on.")] = 8000,
    profile: Annotated[str, typer.Option(envvar="HARK_PROFILE", help="The profile to be served.")] = DEFAULT_PROFILE,
) -> None:
    """Look at this machine and say what is missing and what to do about it."""
    data_dir = weights.default_data_dir()
    try:
        wanted = load_registry().for_profile(profile)
    except WeightsError as fault:
        raise typer.BadParameter(str(fault)) from fault
    looks: list[Callable[[], checks.Finding | list[checks.Finding]]] = [
        lambda: checks.judge_python(sys.version_info[:2]),
        lambda: checks.judge_cores(len(os.sched_getaffinity(0))),
        lambda: checks.judge_memory(checks.memory_bytes()),
        lambda: checks.judge_shared_memory(checks.total_bytes_of(Path("/dev/shm"))),  # noqa: S108 - looked at, not written
        lambda: checks.judge_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        checks_packages.look_for_packages,
        checks_packages.look_at_ray,
        lambda: checks_packages.look_at_torch(profile),
        lambda: checks.look_for_gpu(profile),
        lambda: checks.look_at_data_dir(data_dir, wanted),
        lambda: checks.look_at_weights(data_dir, wanted, deep=deep),
        lambda: checks.look_at_port(port),
        lambda: checks.judge_token(profile, os.environ),
        lambda: checks_around.look_for_haproxy(os.environ),
        lambda: checks_around.look_at_database(os.environ),
        lambda: checks_around.judge_environment(os.environ),
    ]
    console, blocked = Console(), False
    with console.status("looking"), ThreadPoolExecutor(max_workers=4) as pool:
        for found in pool.map(lambda look: look(), looks):
            for finding in [found] if isinstance(found, checks.Finding) else found:
                blocked |= finding.level == "blocks"
                _print(console, finding)
    if blocked:
        console.print("\nHark cannot run here until what blocks is put right.")
        raise typer.Exit(1)
    console.print("\nNothing stands in the way.")


def _print(console: Console, finding: checks.Finding) -> None:
    console.print(_MARKS[finding.level] + escape(finding.what), highlight=False, soft_wrap=True)
    if finding.remedy:
        console.print(f"        {escape(finding.remedy)}", highlight=False, soft_wrap=True, style="dim")
