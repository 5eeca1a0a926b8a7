"""How many seconds of audio a second of computing gets through, systems taking turns on the same machine."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common.audio import write_excerpt
from benchmarks.common.dataset import Item, item_by_id, read_items
from benchmarks.common.errors import PeerFailed, ServiceRefused
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.outcome import Outcome
from benchmarks.common.processes import Usage, service_processes, watched
from benchmarks.common.report import RESULTS, Report, Table, mebibytes, number, percent, write_report
from benchmarks.common.scoring import word_errors
from benchmarks.library_peers.glue import glue
from benchmarks.library_peers.process import Conditions, Task, default_conditions, run_peer

HARK_WORDS, HARK_SPEAKERS = "hark", "hark, speakers"
SEQUENTIAL, BATCHED, NO_WORDS = (
    "faster_whisper_sequential",
    "faster_whisper_batched",
    "faster_whisper_batched_no_words",
)
GLUED = "glued (faster-whisper + stock pyannote)"
_RATIOS = ((HARK_WORDS, SEQUENTIAL), (HARK_WORDS, BATCHED), (HARK_WORDS, NO_WORDS), (HARK_SPEAKERS, GLUED))
_WARM_UP_S = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One system, once through a recording."""

    system: str
    audio_s: float
    wall_s: float
    cpu_s: float | None
    peak_bytes: int | None  # PSS of the service, RSS of a peer
    wer: float | None

    @property
    def rtfx(self) -> float:
        """Seconds of audio per second."""
        return self.audio_s / self.wall_s


async def measure_throughput(
    *,
    url: str,
    model: str | None,
    item_id: str,
    runs: int,
    glued_excerpt_s: float,
    service_pid: int | None,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Let all systems take turns on one recording, write the report and return it as Markdown."""
    item, conditions = item_by_id(read_items(), item_id), default_conditions()
    with tempfile.TemporaryDirectory() as folder:
        warm_up, excerpt = Path(folder) / "warm-up.wav", Path(folder) / "excerpt.wav"
        write_excerpt(item.path, warm_up, seconds=_WARM_UP_S)
        part = _excerpt(item, excerpt, glued_excerpt_s)
        async with HarkClient(url, model=model) as client:
            await client.require_service()
            for diarize in (False, True):
                await client.transcribe(warm_up, language=item.known_language, diarize=diarize)
            systems = _systems(client, item, part, conditions=conditions, warm_up=warm_up, service_pid=service_pid)
            done: list[Run] = []
            for number_of_round in range(1, runs + 1):
                for system, measure in systems.items():
                    done.append(await measure(system))
                    say(f"round {number_of_round}: {system} {done[-1].rtfx:.1f} x")
    return write_report(throughput_report(item, done, command=command), results)


def _excerpt(item: Item, to: Path, seconds: float) -> Item | None:
    if seconds < 0:
        return None
    if seconds == 0 or seconds >= item.seconds:
        return item
    return replace(item, id=f"{item.id}-excerpt", path=to, seconds=write_excerpt(item.path, to, seconds=seconds))


Measure = Callable[[str], Awaitable[Run]]


def _systems(
    client: HarkClient, item: Item, part: Item | None, *, conditions: Conditions, warm_up: Path, service_pid: int | None
) -> dict[str, Measure]:
    """Return how to measure each system, in the order of a round."""
    processes = service_processes(service_pid)

    def hark(*, diarize: bool) -> Measure:
        async def measure(system: str) -> Run:
            usage: Usage
            with watched(processes) as usage:
                outcome = await client.transcribe(item.path, language=item.known_language, diarize=diarize)
            if outcome.error:
                raise ServiceRefused(f"The service answered {item.id} with {outcome.error}.")
            cost = replace(
                outcome.cost, cpu_s=usage.cpu_s or None, peak_rss_bytes=usage.peak_pss_bytes or None
            )  # no process found: not known, not zero
            return _run_of(system, item, replace(outcome, cost=cost))

        return measure

    def peer(kind: str) -> Measure:
        async def measure(system: str) -> Run:
            return _run_of(system, item, _fresh(kind, item, conditions, warm_up))

        return measure

    async def glued(system: str) -> Run:
        assert part is not None  # noqa: S101 - only measured when there is one
        words = _fresh(SEQUENTIAL, part, conditions, warm_up)
        return _run_of(system, part, glue(words, _fresh("stock_pyannote", part, conditions, warm_up)))

    systems: dict[str, Measure] = {HARK_WORDS: hark(diarize=False)}
    systems |= {kind: peer(kind) for kind in (SEQUENTIAL, BATCHED, NO_WORDS)}
    systems[HARK_SPEAKERS] = hark(diarize=True)
    if part is not None:
        systems[GLUED] = glued
    return systems


def _fresh(kind: str, item: Item, conditions: Conditions, warm_up: Path) -> Outcome:
    """Run a peer in a new process, warmed up; nothing is taken from the cache."""
    task = Task(id=item.id, path=item.path, language=item.known_language)
    answers = dict(run_peer(kind, [task], conditions, warm_up=warm_up))
    if answers[item.id].error:
        raise PeerFailed(f"{kind} failed on {item.id}: {answers[item.id].error}")
    return answers[item.id]


def _run_of(system: str, item: Item, outcome: Outcome) -> Run:
    whole = item.is_scored_for_words and item.text is not None and not item.id.endswith("-excerpt")
    wer = word_errors(reference=item.text or "", heard=outcome.text, language=item.language).rate if whole else None
    return Run(
        system=system,
        audio_s=item.seconds,
        wall_s=outcome.cost.wall_s,
        cpu_s=outcome.cost.cpu_s,
        peak_bytes=outcome.cost.peak_rss_bytes,
        wer=wer,
    )


def throughput_report(item: Item, runs: Sequence[Run], *, command: str) -> Report:
    """Lay out medians over the rounds, and ratios taken within a round, where the machine was equally busy."""
    by_system: dict[str, list[Run]] = {}
    for run in runs:
        by_system.setdefault(run.system, []).append(run)
    rows = [[system, *_summary(found)] for system, found in by_system.items()]
    ratios = {pair: ratio_by_round(by_system[pair[0]], by_system[pair[1]]) for pair in _RATIOS if pair[1] in by_system}
    ratio_rows = [
        [f"{ours} / {theirs}", number(median(found)), f"{min(found):.2f} – {max(found):.2f}"]
        for (ours, theirs), found in ratios.items()
    ]
    excerpts = {run.audio_s for run in runs if run.audio_s < item.seconds}
    note = (
        f"{item.id}, {item.seconds:.0f} s, rounds: {len(by_system[HARK_WORDS])}. Models were loaded and warm. "
        "Memory is the peak: of the service over all its processes (PSS), of a peer its process (RSS)."
        + "".join(f" The glued peer had the first {seconds:.0f} s only." for seconds in excerpts)
    )
    tables = [
        Table(
            title="Throughput",
            columns=["system", "RTFx", "lowest – highest", "CPU-s per audio-s", "memory MiB", "WER %"],
            rows=rows,
            note=note,
        ),
        Table(title="Ratios of RTFx", columns=["pair", "median", "lowest – highest"], rows=ratio_rows),
    ]
    numbers: dict[str, Any] = {
        "item": item.id,
        "runs": [{**asdict(run), "rtfx": run.rtfx} for run in runs],
        "ratios": {f"{ours} / {theirs}": found for (ours, theirs), found in ratios.items()},
    }
    return Report(name="throughput", command=command, tables=tables, numbers=numbers)


def ratio_by_round(ours: Sequence[Run], theirs: Sequence[Run]) -> list[float]:
    """Return our RTFx over theirs, round by round."""
    return [mine.rtfx / other.rtfx for mine, other in zip(ours, theirs, strict=False)]


def _summary(runs: Sequence[Run]) -> list[str]:
    rates = [run.rtfx for run in runs]
    cpu = [run.cpu_s / run.audio_s for run in runs if run.cpu_s is not None]
    memory = [run.peak_bytes for run in runs if run.peak_bytes is not None]
    return [
        number(median(rates), 1),
        f"{min(rates):.1f} – {max(rates):.1f}",
        number(median(cpu) if cpu else None, 3),
        mebibytes(max(memory) if memory else None),
        percent(runs[-1].wer),
    ]
