"""The `hark` command: one module a command group, each with `register(app)`."""

from __future__ import annotations

import typer

from serve_app.cli import accounts, bench, doctor, jobs, keys, manifest, models, serve, status, stream, transcribe

_COMMANDS = (
    serve,
    transcribe,
    stream,
    models,
    keys,
    accounts,
    jobs,
    status,
    doctor,
    manifest,
    bench,
)

app = typer.Typer(
    name="hark",
    help="Speech to text with speakers and word times, on a Ray cluster.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold keys and transcripts
)
for _command in _COMMANDS:
    _command.register(app)
