"""`hark serve`: one command from nothing to a service that answers."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from serve_app.cli.applications import end_applications, wait_until_running
from serve_app.cli.faults import print_fault
from serve_app.cli.serve_environment import serve_environment
from serve_app.cli.targets import prometheus_targets, write_targets
from serve_app.cli.tracing import NoExporter, tracing_environment

if TYPE_CHECKING:
    from ray.serve.schema import ServeDeploySchema

console = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    profile: Annotated[
        str, typer.Option(envvar="HARK_PROFILE", help="A shipped profile (embedded, gpu) or a Serve config file.")
    ] = "embedded",
    host: Annotated[str | None, typer.Option(help="Address to listen on; the profile says 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; the profile says 8000.")] = None,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="A running Ray cluster; without it one is started here.")
    ] = None,
    transcribe: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Transcribe this file once the service is up.")
    ] = None,
) -> None:
    """Start the service and keep it running until Ctrl-C."""
    from pydantic import ValidationError

    from configs.load import app_settings, read_profile
    from serve_app.adapters.database import ServerError
    from serve_app.cli.first_start import running_database
    from serve_app.errors import SpeechError

    try:
        config = read_profile(profile)
        settings = app_settings(config)
    except (FileNotFoundError, ValidationError) as fault:
        print_fault(fault)
        raise typer.Exit(2) from fault
    _listen_on(config, host, port)
    if not _weights_are_there(settings.weight_sets(), settings.data_path()):
        raise typer.Exit(1)
    stop = threading.Event()
    _take_signals(stop)
    os.environ.update(serve_environment(os.environ))
    os.environ.update(_tracing())
    os.environ["HARK_DATA_DIR"] = str(settings.data_path())
    try:
        with running_database(settings):
            code = _run(config, address, stop, transcribe)
    except (ServerError, SpeechError) as fault:
        print_fault(fault)
        raise typer.Exit(1) from fault
    raise typer.Exit(code)


def _take_signals(stop: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())


def _tracing() -> dict[str, str]:
    try:
        return tracing_environment(os.environ)
    except NoExporter as fault:
        print_fault(fault)
        raise typer.Exit(2) from fault


def _listen_on(config: dict[str, Any], host: str | None, port: int | None) -> None:
    options = config.setdefault("http_options", {})
    if host is not None:
        options["host"] = host
    if port is not None:
        options["port"] = port


def _weights_are_there(names: list[str], data_dir: Path) -> bool:
    from configs.weights import load_registry
    from serve_app.cli.models import pull_with_progress

    registry = load_registry()
    return pull_with_progress([registry.get(name) for name in names], data_dir=data_dir, quiet_when_installed=True)


def _run(config: dict[str, Any], address: str | None, stop: threading.Event, first: Path | None) -> int:
    import ray
    from ray import serve as ray_serve
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(config)
    started = time.monotonic()
    console.print("Starting Ray…")
    ray.init(
        address=address or "local",  # None would join whatever cluster was started here last
        namespace="serve",
        include_dashboard=False if address is None else None,
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    _take_signals(stop)  # Ray has put handlers of its own in place, with which SIGTERM ends us before the database
    try:
        if address is not None and not os.environ.get("HARK_DATABASE_URL") and _n_nodes() > 1:
            console.print("[yellow]Several nodes need one database: set HARK_DATABASE_URL.[/]")
        _deploy(schema)
        if not wait_until_running(stop, console):
            return 1 if not stop.is_set() else 130
        if address is None:
            _tell_prometheus()
        options = schema.http_options
        console.print(
            f"[green]Hark answers on http://{options.host}:{options.port}[/] after {time.monotonic() - started:.0f} s "
            f"(its reference: /docs). {_access(config)} Ctrl-C stops it."
        )
        if first is not None:
            _transcribe(first, f"http://{options.host}:{options.port}", stop)
        stop.wait()
        console.print("Stopping…")
        return 0
    finally:
        end_applications([application.name for application in schema.applications[1:]])
        ray_serve.shutdown()
        ray.shutdown()


def _tell_prometheus() -> None:
    import ray

    nodes = ray.nodes()
    port = os.environ.get("RAY_SERVE_HAPROXY_METRICS_PORT")
    targets = prometheus_targets(nodes, haproxy_port=int(port) if port else None)
    write_targets(Path(os.environ["HARK_DATA_DIR"]), targets)


def _transcribe(path: Path, url: str, stop: threading.Event) -> None:
    """Run `hark transcribe` beside the service; Ctrl-C ends it too."""
    console.print(f"Transcribing {path} …")
    client = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "serve_app.cli", "transcribe", str(path), "--url", url], start_new_session=True
    )
    while client.poll() is None:
        if stop.wait(0.1):
            client.terminate()
            return


def _deploy(schema: ServeDeploySchema) -> None:
    """Hand the config to Serve as `serve run` does, but from this process, so that it ends with it."""
    from ray.serve._private import api as private_api
    from ray.serve.config import gRPCOptions

    client = private_api.serve_start(
        http_options=schema.http_options.model_dump(),
        proxy_location=schema.proxy_location,
        grpc_options=gRPCOptions(**schema.grpc_options.model_dump()),
    )
    client.deploy_apps(schema, _blocking=False)


def _n_nodes() -> int:
    import ray

    return sum(node["Alive"] for node in ray.nodes())


def _access(config: dict[str, Any]) -> str:
    from configs.load import app_settings

    settings = app_settings(config)
    loopback = config["http_options"].get("host") in {"127.0.0.1", "localhost", "::1"}
    access = settings.accounts.access
    if access == "open" or (access == "auto" and loopback and settings.api.operator_key is None):
        who = "Callers on this machine need no key." if loopback else "Everybody who reaches it is its owner!"
        return f"Mode: open. {who}"
    return "Mode: keys. Callers send an API key or a token; without one they have the anonymous limits."
