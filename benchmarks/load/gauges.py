"""What the service's processes hold, read from outside while it works: memory, descriptors, connections, files."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.processes import process_name, service_processes

_MIB = 2**20
_BREATH_S = 0.05  # between two processes: reading the memory of all of them takes a core for 0.2 s, and goes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The service at one time; memory is PSS."""

    at_s: float
    pss_bytes: dict[str, int]  # by process: its name and pid
    cpu_s: float  # of all processes, since each began

    @property
    def total_bytes(self) -> int:
        return sum(self.pss_bytes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a service at rest has open. None: not to be read from here."""

    descriptors: dict[str, int]  # by process
    sockets: int  # established connections of the realtime replicas
    database_connections: int | None
    leases: int | None
    temporary_files: int | None


@dataclass(kw_only=True)
class Gauges:
    """Samples the service's processes until `stop`."""

    pid: int | None
    period_s: float = 5.0
    samples: list[Sample] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None
    _began_s: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self._processes: Callable[[], Iterable[Any]] = service_processes(self.pid)

    async def __aenter__(self) -> Gauges:
        self._task = asyncio.create_task(self._keep_sampling())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def sample(self) -> Sample:
        """Read now; also kept."""
        found = await asyncio.to_thread(self._read)
        self.samples.append(found)
        return found

    async def _keep_sampling(self) -> None:
        while True:
            await self.sample()
            await asyncio.sleep(self.period_s)

    def _read(self) -> Sample:
        import psutil

        pss, cpu_s = {}, 0.0
        for process in self._processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                cpu_s += times.user + times.system
                pss[f"{process_name(process.cmdline())} {process.pid}"] = process.memory_full_info().pss
            time.sleep(_BREATH_S)
        return Sample(at_s=time.perf_counter() - self._began_s, pss_bytes=pss, cpu_s=cpu_s)

    def descriptors(self) -> tuple[dict[str, int], int]:
        """Return open descriptors by process, and the realtime replicas' established connections."""
        import psutil

        counts, sockets = {}, 0
        for process in self._processes():
            with suppress(psutil.Error):
                name = process_name(process.cmdline())
                counts[f"{name} {process.pid}"] = process.num_fds()
                if name.startswith("realtime-"):
                    sockets += sum(c.status == psutil.CONN_ESTABLISHED for c in process.net_connections("tcp"))
        return counts, sockets


async def holdings(gauges: Gauges, data_dir: Path | None) -> Holdings:
    """Count what is open now. What lies in the database and in files is read where the data directory is at hand."""
    descriptors, sockets = await asyncio.to_thread(gauges.descriptors)
    connections = leases = files = None
    if data_dir is not None:
        files = await asyncio.to_thread(_files_under, data_dir / "spool")
        with suppress(Exception):  # its database is elsewhere
            connections, leases = await _in_database(data_dir)
    return Holdings(
        descriptors=descriptors,
        sockets=sockets,
        database_connections=connections,
        leases=leases,
        temporary_files=files,
    )


def _files_under(folder: Path) -> int | None:
    return sum(1 for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else None


async def _in_database(data_dir: Path) -> tuple[int, int]:
    from configs.storage import DatabaseSettings, open_database

    database = open_database(DatabaseSettings(), data_dir)
    try:
        # Ours is one of them.
        connections = "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
        async with database.transaction() as transaction:
            return (
                int(await transaction.sql.value(connections)),
                int(await transaction.sql.value("SELECT count(*) FROM leases WHERE expires_at > clock_timestamp()")),
            )
    finally:
        await database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """How a process's memory went on, once it had settled."""

    process: str
    first_mib: float
    last_mib: float
    mib_an_hour: float


def slopes(samples: Sequence[Sample], *, settled_from: float = 1 / 3) -> list[Slope]:
    """Fit a line through each process's memory over the last two thirds; steepest first.

    Processes that were not there all the time are left out: theirs is a start, not a slope.
    """
    import numpy as np

    kept = samples[int(len(samples) * settled_from) :]
    if len(kept) < 3:
        return []
    seen = Counter(name for sample in kept for name in sample.pss_bytes)
    found = []
    for name, n in seen.items():
        if n < len(kept):
            continue
        hours = np.array([sample.at_s for sample in kept]) / 3600
        mib = np.array([sample.pss_bytes[name] for sample in kept]) / _MIB
        slope = float(np.polyfit(hours - hours[0], mib, 1)[0])
        found.append(Slope(process=name, first_mib=float(mib[0]), last_mib=float(mib[-1]), mib_an_hour=slope))
    return sorted(found, key=lambda slope: -slope.mib_an_hour)
