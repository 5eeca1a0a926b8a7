"""The service's processes: which they are, what they are called, their CPU time and memory, read from outside."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

_SERVICE_NAMES = ("raylet", "gcs_server", "haproxy", "dashboard")
_REPLICA = re.compile(r"ServeReplica:[\w-]+:([\w.-]+?)(?:\.|:|\s|$)")
_PERIOD_S = 1.0  # reading PSS walks page tables; more often would disturb what is measured


@dataclass(slots=True)
class Usage:
    """What a service used while it was watched."""

    cpu_s: float = 0.0
    idle_pss_bytes: int = 0  # over all processes, when watching began
    peak_pss_bytes: int = 0  # the highest sum seen in one sample
    n_processes: int = 0


@contextmanager
def watched(find: Callable[[], Iterable[Any]]) -> Iterator[Usage]:
    """Sample the processes until the block ends; the Usage is complete after it."""
    usage, before = Usage(), _cpu_by_process(find())
    latest = dict(before)
    usage.idle_pss_bytes = usage.peak_pss_bytes = _total_pss(find())
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(_PERIOD_S):
            processes = list(find())
            latest.update(_cpu_by_process(processes))
            usage.peak_pss_bytes = max(usage.peak_pss_bytes, _total_pss(processes))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield usage
    finally:
        stop.set()
        sampler.join()
        latest.update(_cpu_by_process(find()))
        # Processes that ended count as far as they were seen; those that began count whole.
        usage.cpu_s = sum(cpu_s - before.get(process, 0.0) for process, cpu_s in latest.items())
        usage.n_processes = len(latest)


def service_processes(pid: int | None = None) -> Callable[[], list[Any]]:
    """Return a finder: a process and its descendants, or, without a pid, everything that belongs to Ray here."""
    import psutil

    def family() -> list[Any]:
        try:
            root = psutil.Process(pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def ray_processes() -> list[Any]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if is_service_command(process.cmdline()):
                    found.append(process)
        return found

    return ray_processes if pid is None else family


def is_service_command(command: list[str]) -> bool:
    """Recognise Ray's own processes, its actors, which rename themselves `ray::…`, and `hark serve` itself."""
    if not command:
        return False
    names = [part.rsplit("/", 1)[-1] for part in command[:3]]
    of_ray = command[0].startswith("ray::") or names[0] in _SERVICE_NAMES or any("/ray/" in p for p in command[:3])
    return of_ray or ("hark" in names and "serve" in command)


def process_name(command: Sequence[str]) -> str:
    """Return a short name: the deployment of a replica, else the program's."""
    if not command:
        return "?"
    if found := _REPLICA.search(command[0]):
        return found[1]
    if command[0].startswith("ray::"):
        return command[0].removeprefix("ray::").split(" ")[0]
    names = [part.rsplit("/", 1)[-1] for part in command[:3]]
    if "hark" in names or "serve_app.cli" in command[:3]:
        return "hark serve"
    return names[1] if names[0].startswith("python") and len(names) > 1 else names[0]


def _cpu_by_process(processes: Iterable[Any]) -> dict[tuple[int, float], float]:
    import psutil

    used = {}
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used[process.pid, process.create_time()] = times.user + times.system
    return used


def _total_pss(processes: Iterable[Any]) -> int:
    import psutil

    total = 0
    for process in processes:
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total
