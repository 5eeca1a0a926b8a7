"""Tables of `hark bench peers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.common.percentiles import percentiles
from benchmarks.common.report import Report, Table, mebibytes, number, percent
from benchmarks.peers.overhead import Overhead

if TYPE_CHECKING:
    from benchmarks.peers.measure import Round


def ratios_by_round(rounds: Sequence[Round], ours: str, theirs: str) -> list[float]:
    """Return our throughput over theirs, round by round: both had the same moment of the machine."""
    mine, others = ([r.rtfx for r in rounds if r.server == name] for name in (ours, theirs))
    return [one / other for one, other in zip(mine, others, strict=True)]


def peers_report(
    rounds: Sequence[Round], overheads: Sequence[Overhead], *, clips: int, ours: str, plain: str, command: str
) -> Report:
    """Lay out medians over rounds, ratios within a round, and what the pipeline costs beside its models."""
    servers = list(dict.fromkeys(r.server for r in rounds))
    ratios = {name: ratios_by_round(rounds, ours, name) for name in servers if name != ours}
    tables = [
        Table(
            title=f"{clips} clips together",
            columns=["server", "RTFx", "lowest – highest", "p50 s", "last s", "CPU-s per audio-hour", "MiB", "WER %"],
            rows=[_row(name, [r for r in rounds if r.server == name]) for name in servers],
            note="The same clips of about ten seconds, weights and cores; the servers take turns, all loaded and warm. "
            "Medians over rounds; memory is PSS of all processes.",
        ),
        Table(
            title="Ratios of RTFx",
            columns=["pair", "median", "lowest – highest"],
            rows=[
                [f"{ours} / {name}", number(median(found)), f"{min(found):.2f} – {max(found):.2f}"]
                for name, found in ratios.items()
            ],
            note=f"Wanted of {ours} / {plain}: 2 at 16 clips.",
        ),
        *(_overhead_table(overhead) for overhead in overheads),
    ]
    numbers: dict[str, Any] = {
        "rounds": [{**asdict(r), "rtfx": r.rtfx} for r in rounds],
        "ratios": ratios,
        "overhead": [{**asdict(o), "share": o.share} for o in overheads],
    }
    return Report(name="peers", command=command, tables=tables, numbers=numbers)


def _row(name: str, rounds: Sequence[Round]) -> list[str]:
    rates = [r.rtfx for r in rounds]
    return [
        name,
        number(median(rates), 1),
        f"{min(rates):.1f} – {max(rates):.1f}",
        number(median(percentiles(r.took_s)[50] for r in rounds)),
        number(median(r.wall_s for r in rounds)),
        number(median(r.cpu_s / r.audio_s * 3600 for r in rounds), 0),
        mebibytes(max(r.peak_bytes for r in rounds)),
        percent(rounds[-1].wer, 1),
    ]


def _overhead_table(overhead: Overhead) -> Table:
    rows = [
        ["wall, s", number(overhead.wall_s)],
        ["of it without any model at work, %", percent(overhead.share, 1)],
        ["before the first window was recognized, s", number(overhead.before_s)],
        ["CPU of the pipeline itself, s", number(overhead.own_cpu_s)],
        *([f"profile: {function}", number(own_s, 3)] for function, own_s in overhead.profile),
    ]
    return Table(
        title=f"Beside the models, {overhead.audio_s:.0f} s of audio",
        columns=["what", "found"],
        rows=rows,
        note="In one process, without Ray and HTTP, one recognizer. Wanted: at most 5 % without a model at work. The "
        "profile is the event loop's thread in a run of its own, own seconds.",
    )
