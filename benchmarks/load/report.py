"""Tables of `hark bench load`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.common.report import Table, mebibytes, number, percent
from benchmarks.load.gauges import Holdings, Sample, slopes
from benchmarks.load.scores import Deadlines, StepScore

_ENOUGH_SLOPES = 12


def step_tables(scores: Sequence[StepScore], *, capacity: float, deadlines: Deadlines) -> list[Table]:
    """Lay out the steps: what was offered and done, how long it took, and how the rest was refused."""
    peak = max(score.goodput for score in scores)
    work = [
        [
            score.step.name,
            number(score.offered, 1),
            number(score.goodput, 1),
            percent(score.goodput / peak if peak else None, 0),
            percent(score.shed, 1),
            str(score.failed),
        ]
        for score in scores
    ]
    times = [
        [
            score.step.name,
            kind.kind,
            str(kind.sent),
            str(kind.answered),
            *(number(kind.took_s.get(share), 2) for share in (50, 95, 99)),
            number(kind.stretch.get(95), 2),
            number(kind.word_delay_s.get(95), 2) if kind.kind == "socket" else "–",
        ]
        for score in scores
        for kind in score.kinds
    ]
    refusals = [
        [
            score.step.name,
            kind.kind,
            str(kind.refused),
            number(kind.refusal_s.get(95), 3),
            number(kind.slowest_refusal_s, 3),
            number(kind.sent_late_s.get(95), 3),
            str(kind.without_retry_after) if kind.kind != "socket" else "–",
            ", ".join(f"{name} × {n}" for name, n in kind.faults.items()) or "none",
        ]
        for score in scores
        for kind in score.kinds
    ]
    note = (
        "The capacity, all that a full service gets done, in time or not, was measured at "
        f"{capacity:.1f} audio-seconds a second. Arrivals are a Poisson process and wait for nobody. "
        "Peak is the best step. In time: requests within "
        f"{deadlines.base_s:g} s + {deadlines.per_audio_s:g} × their length, jobs within {deadlines.job_s:g} s more."
    )
    return [
        Table(
            title="Load",
            columns=["load", "offered audio-s/s", "goodput audio-s/s", "% of peak", "shed %", "failed"],
            rows=work,
            note=note,
        ),
        Table(
            title="Latency of what was answered",
            columns=["load", "kind", "sent", "answered", "p50 s", "p95 s", "p99 s", "p95 / deadline", "words p95 s"],
            rows=times,
            note="From the time a request was due; of sockets from the end of their speech, and how long after its "
            "end a final word was told.",
        ),
        Table(
            title="Refusals and faults",
            columns=[
                "load",
                "kind",
                "refused",
                "p95 s",
                "slowest s",
                "sent late p95 s",
                "without Retry-After",
                "faults",
            ],
            rows=refusals,
            note="From the time a request was due. Sent late: what of that the sender took, who shares the "
            "cores and goes first on them where that is allowed.",
        ),
    ]


def verdict_table(scores: Sequence[StepScore], *, capacity: float) -> Table:
    """Compare the overload, the last step, with the calm of the first one and with the best of all."""
    calm, overload = scores[0], scores[-1]
    peak = max(score.goodput for score in scores)
    refusals = [k for k in overload.kinds if k.refused and k.kind != "socket"]
    slowest = max((k.refusal_s[95] for k in refusals), default=None)
    rows = [
        ["goodput / peak", number(overload.goodput / peak if peak else None), ">= 0.90"],
        ["goodput / capacity", number(overload.goodput / capacity if capacity else None), "–"],
        ["p95 of answered requests, overload / calm", number(_p95_ratio(calm, overload)), "<= 2"],
        ["p95 of refusals, s", number(slowest, 3), "<= 0.100"],
        ["refusals without Retry-After", str(sum(k.without_retry_after for k in refusals)), "0"],
        ["neither answered nor refused", str(overload.failed), "0"],
    ]
    before, after = calm.of("socket"), overload.of("socket")
    if before and after:
        rows.append(["sockets that did not end well", str(after.sent - after.answered), "0"])
        pair = f"{number(before.word_delay_s.get(95))} → {number(after.word_delay_s.get(95))}"
        rows.append(["p95 of a socket's final words, s", pair, "unharmed"])
    return Table(
        title="Overload",
        columns=["what", "found", "wanted"],
        rows=rows,
        note=f"{calm.step.name} is the calm, {overload.step.name} the overload.",
    )


def _p95_ratio(calm: StepScore, overload: StepScore) -> float | None:
    before, after = calm.of("rest"), overload.of("rest")
    if before is None or after is None or not before.took_s or not after.took_s:
        return None
    return after.took_s[95] / before.took_s[95]


def cost_table(samples: Sequence[Sample], *, answered_s: float) -> Table:
    """Lay out CPU and memory over everything that was measured."""
    cpu_s = samples[-1].cpu_s - samples[0].cpu_s
    rows = [
        ["audio answered, s", number(answered_s, 0)],
        ["CPU-seconds per audio-hour", number(cpu_s / answered_s * 3600 if answered_s else None, 0)],
        ["memory at first, MiB", mebibytes(samples[0].total_bytes)],
        ["memory at most, MiB", mebibytes(max(sample.total_bytes for sample in samples))],
        ["memory at last, MiB", mebibytes(samples[-1].total_bytes)],
    ]
    return Table(title="Cost", columns=["", ""], rows=rows, note="All processes of the service; memory is PSS.")


def memory_table(samples: Sequence[Sample]) -> Table:
    """Lay out the slopes of memory, steepest first."""
    found = slopes(samples)
    rows = [
        [slope.process, number(slope.first_mib, 0), number(slope.last_mib, 0), number(slope.mib_an_hour, 1)]
        for slope in found[:_ENOUGH_SLOPES]
    ]
    note = "A line through the last two thirds of the measurement."
    if len(found) > _ENOUGH_SLOPES:
        note += f" {len(found) - _ENOUGH_SLOPES} flatter processes are left out."
    return Table(title="Memory", columns=["process", "MiB", "until MiB", "MiB an hour"], rows=rows, note=note)


def holdings_table(before: Holdings, after: Holdings) -> Table:
    """Compare what a service at rest holds before and after."""
    rows = [
        ["file descriptors", str(sum(before.descriptors.values())), str(sum(after.descriptors.values()))],
        ["connections of the realtime replicas", str(before.sockets), str(after.sockets)],
        ["database connections", _count(before.database_connections), _count(after.database_connections)],
        ["leases", _count(before.leases), _count(after.leases)],
        ["temporary files", _count(before.temporary_files), _count(after.temporary_files)],
    ]
    grown = sorted(
        ((after.descriptors[name] - n, name) for name, n in before.descriptors.items() if name in after.descriptors),
        reverse=True,
    )
    rows += [
        [f"of them {name}", str(before.descriptors[name]), str(after.descriptors[name])]
        for d, name in grown[:3]
        if d > 0
    ]
    gone = len(before.descriptors.keys() - after.descriptors.keys())
    note = f"Both at rest. {gone} processes ended in between." if gone else "Both at rest, the same processes."
    return Table(title="Held at rest", columns=["what", "before", "after"], rows=rows, note=note)


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def numbers_of(
    scores: Sequence[StepScore], samples: Sequence[Sample], *, capacity: float, held: Sequence[Holdings]
) -> dict[str, Any]:
    """Return what the tables and plots are made of, JSON-ready."""
    return {
        "capacity": capacity,
        "steps": [
            {
                **asdict(score),
                "offered": score.offered,
                "goodput": score.goodput,
                "shed": score.shed,
                "failed": score.failed,
            }
            for score in scores
        ],
        "samples": [{"at_s": s.at_s, "pss_bytes": s.total_bytes, "cpu_s": s.cpu_s} for s in samples],
        "slopes": [asdict(slope) for slope in slopes(samples)],
        "held": [asdict(holding) for holding in held],
    }
