"""The applications of a service as Serve brings them up and takes them down."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console

from serve_app.cli.faults import print_fault

START_S = 280.0
END_SESSIONS_S = 20.0


def wait_until_running(stop: threading.Event, console: Console) -> bool:
    """Wait until every application runs; tell why it cannot, and return whether it does."""
    deadline = time.monotonic() + START_S
    with console.status("Loading models…") as line:
        while time.monotonic() < deadline and not stop.is_set():
            applications = _applications().values()
            failed = [application for application in applications if cannot_start(application)]
            if failed:
                print_fault(f"The service could not start: {failed[0]['message']}")
                return False
            if applications and all(a["status"] == "RUNNING" for a in applications):
                return True
            waiting = [n for a in applications for n, d in a["deployments"].items() if d["status"] != "HEALTHY"]
            line.update(f"Loading models… waiting for {', '.join(sorted(waiting)) or 'Serve'}")
            stop.wait(0.2)
    if not stop.is_set():
        print_fault(f"The service was not ready within {START_S:g} s.")
    return False


def cannot_start(application: Mapping[str, Any]) -> bool:
    """Tell whether an application failed in a way that waiting does not mend.

    Serve also calls a deployment failed whose replica died after it had started; that one it replaces.
    """
    bad = {"DEPLOY_FAILED", "UNHEALTHY"}
    failed = [deployment for deployment in application["deployments"].values() if deployment["status"] in bad]
    only_died = failed and all(deployment["status_trigger"] == "HEALTH_CHECK_FAILED" for deployment in failed)
    return application["status"] in bad and not only_died


def end_applications(applications: list[str]) -> None:
    """Stop the applications of sockets first: sessions end with what they have heard while the proxy still stands."""
    from ray import serve as ray_serve

    for name in applications:
        with suppress(Exception):  # the rest is stopped anyway
            ray_serve.delete(name, _blocking=False)
    deadline_s = time.monotonic() + END_SESSIONS_S
    while applications and time.monotonic() < deadline_s:
        with suppress(Exception):
            if not set(applications) & set(_applications()):
                return
        time.sleep(0.1)


def _applications() -> dict[str, Any]:
    """Return what Serve knows of its applications, at a fiftieth of what `serve.status()` costs."""
    from ray.serve.context import _get_global_client

    client = _get_global_client()
    applications: dict[str, Any] = client.get_serve_details()["applications"]  # type: ignore[union-attr]  # raises instead
    return applications
