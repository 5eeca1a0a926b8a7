"""The running service with so many recognizers: what it gets through on this machine, and what each process costs."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.audio import write_excerpt
from benchmarks.common.dataset import Item
from benchmarks.common.errors import ServiceRefused
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.own_service import fix_replicas, own_config, own_directory, running, write_config
from benchmarks.common.processes import process_name

_WARM_UP_S = 20.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealRun:
    """Recordings sent together, until the last is answered."""

    recognizers: int
    audio_s: float
    wall_s: float
    cpu_s: dict[str, float]  # by deployment or program

    @property
    def rate(self) -> float:
        return self.audio_s / self.wall_s


async def measure_real(
    recognizers: int, item: Item, *, at_once: int, rounds: int, say: Say = lambda _: None
) -> list[RealRun]:
    """Start a service of its own with so many recognizers and send the recording `at_once` times together."""
    with tempfile.TemporaryDirectory(prefix="hark-scale-") as folder, own_service(recognizers) as url:
        warm_up = Path(folder) / "warm-up.wav"
        write_excerpt(item.path, warm_up, seconds=_WARM_UP_S)
        async with HarkClient(url) as client:
            await asyncio.gather(*(client.transcribe(warm_up, language="en", diarize=False) for _ in range(8)))
            runs = []
            for _ in range(rounds):
                runs.append(await _round(client, item, recognizers, at_once))
                say(f"{recognizers} recognizers: {runs[-1].rate:.1f} audio-seconds a second")
    return runs


async def _round(client: HarkClient, item: Item, recognizers: int, at_once: int) -> RealRun:
    before, began_s = await asyncio.to_thread(_cpu_by_name), time.perf_counter()
    # The language is found out, as in the simulation.
    outcomes = await asyncio.gather(*(client.transcribe(item.path, diarize=False) for _ in range(at_once)))
    wall_s = time.perf_counter() - began_s
    after = await asyncio.to_thread(_cpu_by_name)
    if faults := [outcome.error for outcome in outcomes if outcome.error]:
        raise ServiceRefused(f"The service answered {item.id} with {faults[0]}.")
    used = {name: round(after[name] - before.get(name, 0.0), 2) for name in after}
    return RealRun(
        recognizers=recognizers,
        audio_s=item.seconds * at_once,
        wall_s=wall_s,
        cpu_s={name: cpu_s for name, cpu_s in used.items() if cpu_s > 0},
    )


def _cpu_by_name() -> dict[str, float]:
    """Return the CPU seconds of our descendants, summed by what they are."""
    import psutil

    used: defaultdict[str, float] = defaultdict(float)
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            used[process_name(process.cmdline())] += times.user + times.system
    return dict(used)


@contextmanager
def own_service(recognizers: int) -> Iterator[str]:
    """Run the embedded profile with so many recognizers over a data directory of its own; yield its URL."""
    with own_directory() as directory:
        config = own_config(directory)
        fix_replicas(config, "recognizer-base", recognizers)
        with running(write_config(config, directory)) as service:
            yield service.url
