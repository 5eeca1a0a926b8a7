"""One long session: does a second of speech cost at its end what it cost at its beginning?"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common.dataset import item_by_id, read_items
from benchmarks.common.errors import ServiceRefused
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.live_client import (
    END_S,
    FRAME_S,
    PLATFORM,
    RATE_HZ,
    LiveRun,
    Message,
    frames,
    open_session,
    timed,
)
from benchmarks.common.processes import service_processes
from benchmarks.common.report import RESULTS, Report, Table, mebibytes, number, write_report
from benchmarks.realtime.delays import retractions
from benchmarks.realtime.playlists import decoded

if TYPE_CHECKING:
    import numpy.typing as npt

BLOCK_S = 300.0
AHEAD_S = 20.0  # of what the service has told of
_SILENT_S = 10.0  # without a word from it more is sent anyway: nobody may be speaking
_TAIL_S = 5.0  # a block counts as heard when words this close to its end have come
_SOCKETS = "realtime-"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the service had used when a block had been heard."""

    at_s: float
    cpu_s: float
    socket_pss_bytes: int  # of the replicas that hold the sockets


@dataclass(slots=True, kw_only=True)
class Watch:
    """Reads the service's processes from outside."""

    processes: Callable[[], Iterable[Any]]
    marks: list[Mark] = field(default_factory=list)

    def mark(self) -> Mark:
        import psutil

        cpu_s, pss_bytes = 0.0, 0
        for process in self.processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                cpu_s += times.user + times.system
                if _SOCKETS in "".join(process.cmdline()[:1]):
                    pss_bytes += process.memory_full_info().pss
        self.marks.append(Mark(at_s=time.perf_counter(), cpu_s=cpu_s, socket_pss_bytes=pss_bytes))
        return self.marks[-1]


@dataclass(slots=True)
class Progress:
    """How far the service is: the end of the last words it told of."""

    heard_s: float = 0.0
    spoke_at_s: float = field(default_factory=time.perf_counter)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, message: Message) -> None:
        self.heard_s = max(self.heard_s, message.content.get("end") or 0.0)
        self.spoke_at_s = time.perf_counter()
        self.news.set()

    async def until_near(self, sent_s: float) -> None:
        """Wait while the service is far behind what it was sent."""
        while sent_s - self.heard_s > AHEAD_S and time.perf_counter() - self.spoke_at_s < _SILENT_S:
            self.news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.news.wait()


async def measure_hour(
    *,
    url: str,
    item_id: str,
    minutes: float,
    at_pace: bool,
    service_pid: int | None,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Tell one session the same five minutes again and again, write the report and return it as Markdown."""
    item = item_by_id(read_items(), item_id)
    block = decoded(item.path)[: round(BLOCK_S * RATE_HZ)]
    n_blocks = max(round(minutes * 60 * RATE_HZ / block.size), 2)
    watch = Watch(processes=service_processes(service_pid))
    async with HarkClient(url) as client:
        await client.require_service()
    run = LiveRun(audio_s=n_blocks * block.size / RATE_HZ)
    async with open_session(url, PLATFORM, language=item.known_language) as socket:
        progress = Progress()
        watch.mark()
        listening = asyncio.create_task(
            _listen(timed(socket, time.perf_counter()), run, progress, watch, block_s=block.size / RATE_HZ, say=say)
        )
        try:
            await _tell(socket, block, n_blocks, progress, at_pace=at_pace)
            async with asyncio.timeout(END_S):
                await listening
        finally:
            listening.cancel()
        run.close_code = socket.close_code
    if len(watch.marks) < n_blocks + 1:
        watch.mark()
    if run.close_code != 1000 or len(watch.marks) != n_blocks + 1:
        raise ServiceRefused(f"The session ended with {run.close_code} after {len(watch.marks) - 1} blocks.")
    report = hour_report(
        watch.marks,
        block_s=block.size / RATE_HZ,
        item_id=item.id,
        at_pace=at_pace,
        n_retractions=retractions(run),
        n_words=len(str(run.last.get("text", "")).split()),
        command=command,
    )
    return write_report(report, results)


async def _tell(socket: Any, block: npt.NDArray[Any], n_blocks: int, progress: Progress, *, at_pace: bool) -> None:
    started_s, parts = time.perf_counter(), frames(block)
    for index in range(n_blocks):
        for sent_s, frame in parts:
            total_s = index * len(parts) * FRAME_S + sent_s
            if at_pace:
                await asyncio.sleep(max(started_s + total_s - time.perf_counter(), 0))
            else:
                await progress.until_near(total_s)
            await socket.send(frame)
    await socket.send(json.dumps(PLATFORM.stop))


async def _listen(
    messages: AsyncIterator[Message], run: LiveRun, progress: Progress, watch: Watch, *, block_s: float, say: Say
) -> None:
    async for message in messages:
        run.messages.append(message)
        progress.hear(message)
        if progress.heard_s >= len(watch.marks) * block_s - _TAIL_S:
            mark = watch.mark()
            say(f"{progress.heard_s / 60:.0f} minutes heard, sockets {mark.socket_pss_bytes / 2**20:.0f} MiB")


def hour_report(
    marks: Sequence[Mark],
    *,
    block_s: float,
    item_id: str,
    at_pace: bool,
    n_retractions: int,
    n_words: int,
    command: str,
) -> Report:
    """Compare the last block with the first one."""
    costs = [(after.cpu_s - before.cpu_s) / block_s for before, after in pairwise(marks)]
    walls_s = [after.at_s - before.at_s for before, after in pairwise(marks)]
    memory = [mark.socket_pss_bytes for mark in marks[1:]]
    rows = [
        [f"{round((index + 1) * block_s / 60)}", number(cost, 3), mebibytes(pss_bytes), number(wall_s / block_s)]
        for index, (cost, pss_bytes, wall_s) in enumerate(zip(costs, memory, walls_s, strict=True))
    ]
    ratios = {
        "CPU-s per audio-s, last / first": costs[-1] / costs[0],
        "memory of the sockets, last / first": memory[-1] / memory[0] if memory[0] else None,
    }
    pace = "at the pace of speech" if at_pace else f"as fast as it was taken, at most {AHEAD_S:.0f} s ahead"
    tables = [
        Table(
            title="One session",
            columns=["minutes", "CPU-s per audio-s", "memory of the sockets MiB", "s per audio-s"],
            rows=rows,
            note=f"The first {block_s:.0f} s of {item_id} again and again, {pace}. Words written: {n_words}; "
            f"retractions: {n_retractions}.",
        ),
        Table(
            title="End over beginning",
            columns=["of", "factor"],
            rows=[[name, number(value)] for name, value in ratios.items()],
        ),
    ]
    numbers = {"block_s": block_s, "marks": [asdict(mark) for mark in marks], "ratios": ratios, "words": n_words}
    return Report(name="realtime_hour", command=command, tables=tables, numbers=numbers)
