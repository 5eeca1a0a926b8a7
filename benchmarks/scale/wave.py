"""`hark bench scale --wave`: a load comes to a service with few recognizers, and goes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.audio import SAMPLE, write_excerpt
from benchmarks.common.errors import ServiceNotThere, ServiceRefused
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.own_service import Config, own_config, own_directory, running, write_config
from benchmarks.common.percentiles import percentile
from benchmarks.common.plots import draw_wave
from benchmarks.common.report import RESULTS, Report, Table, number, write_report
from serve_app.pipeline.fan_out import cancelling_group

_RECOGNIZER = "recognizer-base"
_SHORT_S = 5.0  # of the one request that is always under way
_LOOK_S = 1.0
_CALM_S = 20.0  # before the load, and after the last replica has gone
_PATIENCE_S = 400.0

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wave:
    """What is asked for."""

    least: int  # recognizers, while nobody asks for more
    most: int
    seconds: float  # of load
    callers: int  # each sends the sample meeting when the last is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request; times are of the measurement."""

    kind: str  # "load" or "short"
    began_s: float
    took_s: float
    text: str
    error: str | None


@dataclass(kw_only=True)
class Course:
    """What happened; the load came at `begins_s` and sent nothing new from `ends_s` on."""

    begins_s: float = 0.0
    ends_s: float = 0.0
    replicas: list[tuple[float, int]] = field(default_factory=list)  # (when, so many from then on)
    asked: list[Asked] = field(default_factory=list)

    def note(self, at_s: float, n: int) -> None:
        if not self.replicas or self.replicas[-1][1] != n:
            self.replicas.append((at_s, n))

    @property
    def running(self) -> int:
        return self.replicas[-1][1]


async def measure_wave(wave: Wave, *, command: str, results: Path = RESULTS, say: Say = lambda _: None) -> str:
    """Start a service of its own, let the load come and go, write the report and return it as Markdown."""
    with own_directory() as directory, tempfile.TemporaryDirectory(prefix="hark-wave-") as folder:
        short = Path(folder) / "short.wav"
        await asyncio.to_thread(write_excerpt, SAMPLE, short, seconds=_SHORT_S)
        config = own_config(directory)
        bound(config, wave)
        say("a service is started")
        with running(write_config(config, directory)) as service:
            async with HarkClient(service.url) as client:
                course = await _course(client, wave, short, say)
    report = wave_report(wave, course, command=command)
    text = await asyncio.to_thread(write_report, report, results)
    await asyncio.to_thread(draw_wave, report.numbers, results / f"{report.name}.png")
    return text


def bound(config: Config, wave: Wave) -> None:
    """Let the profile's own policy choose between `least` and `most` recognizers."""
    own = next(d for d in config["applications"][0]["deployments"] if d["name"] == _RECOGNIZER)
    own["autoscaling_config"] |= {"min_replicas": wave.least, "max_replicas": wave.most}
    own["ray_actor_options"] = {"num_cpus": 0.1}


async def _course(client: HarkClient, wave: Wave, short: Path, say: Say) -> Course:
    course, zero_s = Course(), time.perf_counter()

    def now_s() -> float:
        return time.perf_counter() - zero_s

    async def ask(kind: str, path: Path) -> None:
        began_s = now_s()
        heard = await client.transcribe(path, language="en", diarize=False)
        took_s = now_s() - began_s
        course.asked.append(Asked(kind=kind, began_s=began_s, took_s=took_s, text=heard.text, error=heard.error))

    async def call(ends_s: float) -> None:
        while now_s() < ends_s:
            await ask("load", SAMPLE)

    async def trickle() -> None:
        while True:
            await ask("short", short)
            await asyncio.sleep(_LOOK_S)

    async with _beside(_watch(client, course, now_s)):
        await _until(course, wave.least, now_s)
        # Whoever keeps asking keeps the last replica awake.
        async with _beside(*([trickle()] if wave.least else [])):
            await asyncio.sleep(_CALM_S)
            course.begins_s, course.ends_s = now_s(), now_s() + wave.seconds
            say(f"{wave.callers} callers come")
            await asyncio.gather(*(call(course.ends_s) for _ in range(wave.callers)))
            say(f"they have gone; {course.running} recognizers")
            await _until(course, wave.least, now_s)
            await asyncio.sleep(_CALM_S)
    return course


@asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run endless work beside the block; what fails in it fails the block."""
    async with cancelling_group() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()


async def _watch(client: HarkClient, course: Course, now_s: Callable[[], float]) -> None:
    while True:
        with suppress(ServiceNotThere):
            health = await client.require_service()
            course.note(now_s(), int(health["deployments"][_RECOGNIZER]["replicas_running"]))
        await asyncio.sleep(_LOOK_S)


async def _until(course: Course, n: int, now_s: Callable[[], float]) -> None:
    ends_s = now_s() + _PATIENCE_S
    while not course.replicas or course.running != n:
        if now_s() > ends_s:
            raise ServiceRefused(f"There were not {n} recognizers within {_PATIENCE_S:g} s.")
        await asyncio.sleep(_LOOK_S / 2)


def wave_report(wave: Wave, course: Course, *, command: str) -> Report:
    """Lay out how the replicas followed the load and what became of the requests."""
    most = max(n for _, n in course.replicas)
    grown_s = next(at_s for at_s, n in course.replicas if n == most)
    last_s, last = course.replicas[-1]
    sent_s = max((a.began_s + a.took_s for a in course.asked if a.kind == "load"), default=course.ends_s)
    rows = [
        ["recognizers before, at most, after", f"{wave.least}, {most}, {last}"],
        ["most of them after the load came, s", number(grown_s - course.begins_s, 1)],
        ["as few as before after its last answer, s", number(last_s - sent_s, 1)],
        *(_requests(course.asked, kind, what) for kind, what in (("load", "82 s"), ("short", "5 s"))),
        ["transcripts unlike the first of their kind", str(_unlike(course.asked))],
    ]
    table = Table(
        title="A load that comes and goes",
        columns=["what", "found"],
        rows=rows,
        note=f"{wave.callers} callers for {wave.seconds:g} s, each sending 82 s of sound when the last is answered; "
        + ("5 s, one at a time, before, beside and after them." if wave.least else "nobody before and after."),
    )
    answers = [{k: v for k, v in asdict(a).items() if k != "text"} for a in course.asked]
    numbers = {"begins_s": course.begins_s, "ends_s": course.ends_s, "replicas": course.replicas, "answers": answers}
    return Report(name=f"wave_from_{wave.least}", command=command, tables=[table], numbers=numbers)


def _requests(asked: Sequence[Asked], kind: str, what: str) -> list[str]:
    own = [a for a in asked if a.kind == kind]
    times = [a.took_s for a in own if not a.error]
    shares = ", ".join(number(percentile(times, share), 1) for share in (0.5, 0.95))
    failed = sum(a.error is not None for a in own)
    return [f"requests of {what}: sent, failed, p50 and p95 s", f"{len(own)}, {failed}, {shares}"]


def _unlike(asked: Sequence[Asked]) -> int:
    first: dict[str, str] = {}
    return sum(a.text != first.setdefault(a.kind, a.text) for a in asked if not a.error)
