"""More sockets than there is room for: who is let in, who is told to come back, and whether HTTP notices."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks.common.dataset import read_items
from benchmarks.common.errors import ServiceRefused
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.live_client import PLATFORM, READY_S, connect
from benchmarks.common.processes import service_processes
from benchmarks.common.report import RESULTS, Report, Table, mebibytes, number, write_report
from benchmarks.realtime.hour import Watch

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Event

REQUESTS = 24
_CLIP_S = 3.0
_WAVE_S = 120.0  # at most, until the last of the sockets has its answer
_AT_A_TIME = 60  # handshakes in flight: the kernel's queue of new connections holds 128

Say = Callable[[str], None]


@dataclass(slots=True)
class Crowd:
    """What sockets that came together were told, and how HTTP did meanwhile."""

    idle_s: dict[str, list[float]] = field(default_factory=dict)
    beside_s: dict[str, list[float]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    afterwards: Counter[str] = field(default_factory=Counter)  # the same number of sockets, once all were gone
    pss_before_bytes: int = 0
    pss_after_bytes: int = 0


async def measure_crowd(
    *,
    url: str,
    sockets: int,
    service_pid: int | None,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Open so many sockets together, time HTTP beside them, write the report and return it as Markdown."""
    clip = min((i for i in read_items() if i.set == "utt_en"), key=lambda item: abs(item.seconds - _CLIP_S))
    watch, crowd = Watch(processes=service_processes(service_pid)), Crowd()
    async with HarkClient(url) as client, httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
        await client.require_service()

        async def transcribe() -> None:
            outcome = await client.transcribe(clip.path, language=clip.known_language, diarize=False)
            if outcome.error:
                raise ServiceRefused(f"The service answered {clip.id} with {outcome.error}.")

        async def list_models() -> None:
            (await http.get("/v1/models")).raise_for_status()

        calls = {f"POST /v1/transcribe ({clip.seconds:.0f} s)": transcribe, "GET /v1/models": list_models}
        say("HTTP alone")
        for _ in range(2):  # the second time counts
            crowd.idle_s = await _times(calls)
        crowd.pss_before_bytes = watch.mark().socket_pss_bytes
        say(f"{sockets} sockets at once")
        async with _sockets(url, sockets, crowd.answers):
            crowd.beside_s = await _times(calls)
        say("and once more")
        async with _sockets(url, sockets, crowd.afterwards):
            pass
        crowd.pss_after_bytes = watch.mark().socket_pss_bytes
    return write_report(crowd_report(crowd, sockets=sockets, command=command), results)


async def _times(calls: dict[str, Callable[[], Awaitable[None]]]) -> dict[str, list[float]]:
    """Make requests of each kind in turn, so that all of them meet the crowd at all its stages."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REQUESTS):
        for name, call in calls.items():
            started_s = time.perf_counter()
            await call()
            times[name].append(time.perf_counter() - started_s)
    return times


@asynccontextmanager
async def _sockets(url: str, n: int, answers: Counter[str]) -> AsyncIterator[None]:
    """Have a process of its own open sockets meanwhile: beside them HTTP would wait for its client's own event loop."""
    spawn = get_context("spawn")
    over, told = spawn.Event(), spawn.SimpleQueue()
    process = spawn.Process(target=_open_sockets, args=(url, n, over, told), daemon=True)
    process.start()
    try:
        yield
        over.set()
        async with asyncio.timeout(_WAVE_S):
            answers.update(await asyncio.to_thread(told.get))
    finally:
        process.terminate()
        process.join()


def _open_sockets(url: str, n: int, over: Event, told: SimpleQueue[Counter[str]]) -> None:
    answers: Counter[str] = Counter()
    asyncio.run(_waves(url, n, over, answers))
    told.put(answers)


async def _waves(url: str, n: int, over: Event, answers: Counter[str]) -> None:
    """Open all the sockets, hold those that are let in, close them together, and so on until it is `over`."""
    while True:
        open_sockets: list[Any] = []
        slots = asyncio.Semaphore(_AT_A_TIME)
        told = await asyncio.gather(*(_knock(url, slots, open_sockets) for _ in range(n)))
        answers.update(told)
        await asyncio.gather(*(_leave(context) for context in open_sockets))
        if over.is_set():
            return


async def _knock(url: str, slots: asyncio.Semaphore, kept: list[Any]) -> str:
    """Ask for a session; return what the service said."""
    import websockets

    context = connect(url, PLATFORM.path)
    try:
        async with slots, asyncio.timeout(READY_S):
            socket = await context.__aenter__()
            with suppress(websockets.ConnectionClosed):  # refused already; why is in the message
                await socket.send(json.dumps(PLATFORM.opening("en")))
            message = json.loads(await socket.recv())
            if message.get("status") == "ready":
                kept.append(context)
                return "ready"
            await socket.wait_closed()
            return f"{message.get('error_code')} {socket.close_code}"
    except Exception as fault:  # whatever it was, it is the answer
        return type(fault).__name__


async def _leave(context: Any) -> None:
    with suppress(Exception):
        await context.__aexit__(None, None, None)


def crowd_report(crowd: Crowd, *, sockets: int, command: str) -> Report:
    rows = [
        [name, number(median(idle_s), 3), number(median(crowd.beside_s[name]), 3), number(_factor(crowd, name))]
        for name, idle_s in crowd.idle_s.items()
    ]
    answers = [
        [what, str(crowd.answers[what]), str(crowd.afterwards[what])]
        for what in sorted({*crowd.answers, *crowd.afterwards})
    ]
    tables = [
        Table(
            title="HTTP beside the crowd",
            columns=["request", "alone, median s", "beside, median s", "factor"],
            rows=rows,
            note=f"{sockets} sockets are opened together, those let in are held until all have an answer, and then it "
            f"begins again; {REQUESTS} requests of each kind meanwhile. The sockets' clients run on the same machine.",
        ),
        Table(
            title="What the sockets were told",
            columns=["answer", "meanwhile", "one more time, once all were gone"],
            rows=answers,
            note=f"Memory of the socket replicas: {mebibytes(crowd.pss_before_bytes)} MiB before, "
            f"{mebibytes(crowd.pss_after_bytes)} MiB after.",
        ),
    ]
    numbers = {
        "idle_s": crowd.idle_s,
        "beside_s": crowd.beside_s,
        "answers": dict(crowd.answers),
        "afterwards": dict(crowd.afterwards),
        "pss_bytes": [crowd.pss_before_bytes, crowd.pss_after_bytes],
    }
    return Report(name="realtime_crowd", command=command, tables=tables, numbers=numbers)


def _factor(crowd: Crowd, name: str) -> float:
    return median(crowd.beside_s[name]) / median(crowd.idle_s[name])
