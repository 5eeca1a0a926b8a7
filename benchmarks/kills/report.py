"""Tables of `hark bench kills`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.common.job_client import JobRun, Seen
from benchmarks.common.report import Report, Table, number

PAUSES_S = (4.0, 12.0)  # between two kills
_STEPS = ("slot", "upload", "start", "poll", "transcript")


@dataclass(kw_only=True)
class Aftermath:
    """What is found when all jobs have ended."""

    entries: Counter[str]  # of the ledger, by kind
    granted: int
    balance: int
    charged: int  # credits, as the jobs tell
    unbalanced: int  # accounts whose balance is not the sum of their entries
    unlike: int  # transcripts that differ from those of an undisturbed run


def kills_report(
    runs: Sequence[JobRun],
    undisturbed: Mapping[str, JobRun],
    killed: Mapping[str, int],
    seen: Seen,
    aftermath: Aftermath,
    *,
    seed: int,
    command: str,
) -> Report:
    """Lay out what was killed, what became of the jobs, and what their clients saw on the way."""
    ended = Counter(run.status for run in runs)
    is_balanced = not aftermath.unbalanced and aftermath.balance == aftermath.granted - aftermath.charged
    found = [
        ["jobs", str(len(runs))],
        *([f"of them {status}", str(count)] for status, count in sorted(ended.items())),
        ["clients that gave up", str(sum(run.fault is not None for run in runs))],
        ["transcripts unlike the undisturbed run's", str(aftermath.unlike)],
        ["attempts, most of one job", str(max((run.job.get("attempts", 0) for run in runs), default=0))],
        ["charged, undisturbed runs included", f"{aftermath.entries['capture']} times"],
        ["credits set aside and never settled", str(_unsettled(aftermath.entries))],
        ["balance is what was granted less what was charged", "yes" if is_balanced else "NO"],
    ]
    steps = sorted(seen.items(), key=lambda item: (_STEPS.index(item[0][0]), -item[1]))
    return Report(
        name="kills",
        command=command,
        tables=[
            Table(
                title="Killed",
                columns=["what", "times"],
                rows=[[name, str(count)] for name, count in sorted(killed.items())],
                note=f"`kill -9`, every {PAUSES_S[0]:g} to {PAUSES_S[1]:g} s, chosen by chance (seed {seed}).",
            ),
            Table(title="What became of the jobs", columns=["", ""], rows=found),
            Table(
                title="How long they took",
                columns=["recording", "undisturbed s", "with kills, s", "attempts"],
                rows=[
                    [run.name, number(undisturbed[run.name].took_s, 0), number(run.took_s, 0), _attempts(run)]
                    for run in runs
                ],
                note="From the first request to the transcript, the wait in the queue included. An undisturbed job is "
                "alone with the service; the others are not.",
            ),
            Table(
                title="What clients saw",
                columns=["step", "answer", "times"],
                rows=[[step, answer, str(count)] for (step, answer), count in steps],
                note="They send again what did not succeed.",
            ),
        ],
        numbers={
            "killed": dict(killed),
            "seen": [[*step, count] for step, count in steps],
            "jobs": [{"name": run.name, "took_s": run.took_s, "fault": run.fault, **run.job} for run in runs],
            "entries": dict(aftermath.entries),
            "balance": aftermath.balance,
            "unlike": aftermath.unlike,
        },
    )


def _attempts(run: JobRun) -> str:
    return str(run.job.get("attempts", 0))


def _unsettled(entries: Mapping[str, int]) -> int:
    return entries.get("reserve", 0) - entries.get("capture", 0) - entries.get("release", 0)
