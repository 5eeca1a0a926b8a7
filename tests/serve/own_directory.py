"""A service with a data directory of its own, which may be killed as a whole and started again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from cluster import OwnService, drop_sockets, raylet_behind

from benchmarks.common.own_service import fix_replicas, own_config, own_directory, write_config
from configs.storage import embedded_server
from serve_app.cli.service import STOP_S, started_service

GONE_S = 20.0


@contextmanager
def own_profile(*, sockets: bool = False, **args: Any) -> Iterator[Path]:
    """Write the embedded profile, with these `args` beside its own, over a fresh data directory with all weights."""
    with own_directory() as directory:
        config = own_config(directory)
        for name, n_replicas in {"recognizer-base": 2, "diarizer": 1}.items():
            fix_replicas(config, name, n_replicas)
        config["applications"][0]["args"] |= args
        if not sockets:
            drop_sockets(config)
        yield write_config(config, directory)


@contextmanager
def running(profile: Path, environment: Mapping[str, str] | None = None) -> Iterator[OwnService]:
    """Run the service of a profile for the block; it may be killed in between."""
    inherited = {name: value for name, value in os.environ.items() if name != "HARK_DATABASE_URL"}
    command = (sys.executable, "-m", "serve_app.cli", "serve", "--profile", str(profile))
    with started_service(command, environment={**inherited, **(environment or {})}) as url:
        yield OwnService(url=url, profile=profile, raylet=raylet_behind(url))


def kill_everything(service: OwnService, data_dir: Path) -> list[str]:
    """Kill every process of the service at once, as a power cut does, and return their names."""
    session = os.getsid(service.raylet.pid)  # led by `hark serve`; Ray and HAProxy stay in it, PostgreSQL does not
    killed: list[str] = []
    deadline_s = time.monotonic() + GONE_S
    while found := [*_of_session(session), *_of_database(data_dir)]:
        assert time.monotonic() < deadline_s, found
        for process in found:
            with suppress(psutil.Error):
                killed.append(process.name())
                process.kill()
        psutil.wait_procs(found, timeout=1)
    return killed


def terminate(service: OwnService, data_dir: Path) -> list[str]:
    """Stop the service as `docker stop` does, wait for its end, and return the names of what is left of it."""
    session = os.getsid(service.raylet.pid)
    leader = psutil.Process(session)
    leader.terminate()
    deadline_s = time.monotonic() + STOP_S
    while leader.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline_s, "the service did not stop"
        time.sleep(0.1)
    psutil.wait_procs(_of_session(session), timeout=GONE_S)
    return [process.name() for process in (*_of_session(session), *_of_database(data_dir))]


def _of_session(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _of_database(data_dir: Path) -> list[psutil.Process]:
    cluster = embedded_server(data_dir).data.resolve()
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error, OSError):
            if process.info["name"] == "postgres" and Path(process.cwd()) == cluster:
                found.append(process)
    return found
