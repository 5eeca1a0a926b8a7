"""Tables of `hark bench nodes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.common.job_client import JobRun
from benchmarks.common.report import Report, Table, number
from benchmarks.nodes.traffic import OK, UNSTORED, WRONG, Asked, Patience

_CLIENTS: tuple[Patience, ...] = ("plain", "as told")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that was done to the service, and the time that is counted as its consequences."""

    what: str
    began_s: float
    ended_s: float
    whole_again_s: float | None  # after it began; None: not while it was waited for
    is_fault: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """What became of the jobs that ran beside the requests."""

    runs: Sequence[JobRun]
    unlike: int  # transcripts that differ from the undisturbed run's

    @property
    def lost(self) -> int:
        return sum(run.status != "completed" for run in self.runs)


def nodes_report(
    happenings: Sequence[Happening], asked: Sequence[Asked], jobs: Jobs, *, notes: Sequence[str] = (), command: str
) -> Report:
    """Lay out what was done to the service and what its clients saw of it."""
    faults = [happening for happening in happenings if happening.is_fault]
    changes = [happening for happening in happenings if not happening.is_fault]
    return Report(
        name="nodes",
        command=command,
        tables=_not_empty(
            Table(
                title="Killed",
                columns=_COLUMNS,
                rows=[_row(happening, asked) for happening in faults],
                note=" ".join([_NOTE, *notes]),
            ),
            Table(
                title="Changed under load",
                columns=_COLUMNS,
                rows=[_row(happening, asked) for happening in changes],
                note="A config is deployed as `serve deploy` does; a node is stopped by SIGTERM to its raylet.",
            ),
            Table(
                title="What failed", columns=["during", "client", "answer", "times"], rows=_faults(happenings, asked)
            ),
            Table(
                title="Jobs",
                columns=["", ""],
                rows=[
                    ["jobs", str(len(jobs.runs))],
                    ["lost", str(jobs.lost)],
                    ["transcripts unlike the undisturbed run's", str(jobs.unlike)],
                    [
                        "attempts, most of one job",
                        str(max((run.job.get("attempts", 0) for run in jobs.runs), default=0)),
                    ],
                ],
                note="Side by side with the requests, from the first line to the last.",
            ),
        ),
        numbers={
            "happenings": [asdict(happening) for happening in happenings],
            "requests": [asdict(each) for each in asked],
            "jobs": [{"name": run.name, "took_s": run.took_s, "fault": run.fault, **run.job} for run in jobs.runs],
        },
    )


_NOTE = (
    "`kill -9`, one after the other, on three nodes. In flight: requests under way at that moment. Failed: of all "
    "requests that ended until the next line, those of clients who take the first answer for the last, and those that "
    "failed twice at clients who send again once, as docs/api.md says. Sent again: by the latter. Other transcripts: "
    "unlike the undisturbed one in a word, time or speaker. Whole: all replicas run again."
)
_COLUMNS = (
    "what",
    "in flight",
    "answered",
    "failed, plain",
    "sent again",
    "failed, as told",
    "other transcripts",
    "slowest s",
    "whole after s",
)


def _not_empty(*tables: Table) -> list[Table]:
    return [table for table in tables if table.rows]


def of(happening: Happening, asked: Sequence[Asked]) -> list[Asked]:
    """Return the requests that ended while something happened or after it, before the next thing."""
    return [each for each in asked if happening.began_s <= each.ended_s < happening.ended_s]


def _row(happening: Happening, asked: Sequence[Asked]) -> list[str]:
    ended = of(happening, asked)
    failed = Counter(each.patience for each in ended if each.failed)
    return [
        happening.what,
        str(sum(each.began_s <= happening.began_s < each.ended_s for each in asked)),
        str(sum(each.outcome in (OK, UNSTORED) for each in ended)),
        str(failed["plain"]),
        str(sum(len(each.outcomes) > 1 for each in ended)),
        str(failed["as told"]),
        str(sum(WRONG in each.outcomes for each in ended)),
        number(max((each.took_s for each in ended), default=None), 1),
        "not" if happening.whole_again_s is None else number(happening.whole_again_s, 1),
    ]


def _faults(happenings: Sequence[Happening], asked: Sequence[Asked]) -> list[list[str]]:
    """Count every answer that was no transcript, those that sending again made good included."""
    rows = []
    for happening in happenings:
        ended = of(happening, asked)
        for patience in _CLIENTS:
            mine = [outcome for each in ended if each.patience == patience for outcome in each.outcomes]
            seen = Counter(outcome for outcome in mine if outcome != OK)
            rows += [[happening.what, patience, outcome, str(times)] for outcome, times in seen.most_common()]
    return rows or [["–", "–", "nothing", "0"]]
