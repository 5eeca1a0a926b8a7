"""What the commands of `hark bench` have in common."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_URL = "http://127.0.0.1:8000"

Url = Annotated[str, typer.Option(help="Address of the running service.")]
Results = Annotated[Path | None, typer.Option(help="Folder for the report; benchmarks/results when left out.")]
Pid = Annotated[
    int | None, typer.Option(help="Process of the service, to count it and its children; found by name otherwise.")
]


def run(measurement: Coroutine[Any, Any, str]) -> None:
    """Await a measurement and print its report; what keeps it from being run ends the command with 1."""
    from benchmarks.common.errors import BenchmarkError

    # Told to end, a measurement still stops the servers that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        typer.echo(asyncio.run(measurement))
    except (BenchmarkError, ValueError) as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(code=1) from fault


def require_packages() -> None:
    """End the command with 1 when packages of the `bench` extra are missing."""
    from importlib.util import find_spec

    needed = {
        "jiwer": "jiwer",
        "matplotlib": "matplotlib",
        "meeteval": "meeteval",
        "psutil": "psutil",
        "whisper_normalizer": "whisper-normalizer",
    }
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        typer.echo(f"The benchmarks need {', '.join(missing)}: pip install 'hark-speech[bench]'.", err=True)
        raise typer.Exit(code=1)


def names(listed: str) -> list[str]:
    """Return the names of a comma-separated list."""
    return [name.strip() for name in listed.split(",") if name.strip()]


def command() -> str:
    """Return the command line as it was given."""
    return " ".join(["hark", *sys.argv[1:]])


def say(progress: str) -> None:
    """Tell how far a measurement is."""
    typer.echo(progress, err=True)
