"""What `hark bench kills` says of a service."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks.common.job_client import JobRun
from benchmarks.kills.measure import is_replica
from benchmarks.kills.report import Aftermath, kills_report


def aftermath(**changes: Any) -> Aftermath:
    usual: dict[str, Any] = {
        "entries": Counter(grant=1, reserve=3, capture=3),
        "granted": 100,
        "balance": 91,
        "charged": 9,
        "unbalanced": 0,
        "unlike": 0,
    }
    return Aftermath(**usual | changes)


def what_became(found: Aftermath) -> dict[str, str]:
    runs = [
        JobRun(name="82 s", audio_s=82, job={"status": "completed", "attempts": 3}, took_s=40),
        JobRun(name="82 s", audio_s=82, job={"status": "processing", "attempts": 1}, fault="not done after 9 s"),
    ]
    calm = {"82 s": JobRun(name="82 s", audio_s=82, took_s=10)}
    seen = Counter({("poll", "200"): 8, ("slot", "200"): 2, ("slot", "ConnectError"): 1})
    report = kills_report(runs, calm, {"media": 2}, seen, found, seed=1, command="hark bench kills")
    killed, became, times, told = report.tables
    assert killed.rows == [["media", "2"]]
    assert times.rows[0] == ["82 s", "10", "40", "3"]
    assert told.rows == [["slot", "200", "2"], ["slot", "ConnectError", "1"], ["poll", "200", "8"]]
    return {row[0]: row[1] for row in became.rows}


def test_the_report_tells_what_became_of_the_jobs() -> None:
    found = what_became(aftermath())
    assert (found["jobs"], found["of them completed"], found["of them processing"]) == ("2", "1", "1")
    assert found["clients that gave up"] == "1"
    assert found["attempts, most of one job"] == "3"
    assert found["balance is what was granted less what was charged"] == "yes"


@pytest.mark.parametrize("changes", [{"balance": 90}, {"unbalanced": 1}, {"charged": 8}])
def test_a_ledger_that_does_not_add_up_is_told(changes: dict[str, int]) -> None:
    assert what_became(aftermath(**changes))["balance is what was granted less what was charged"] == "NO"


def test_credits_that_were_set_aside_and_forgotten_are_told() -> None:
    found = what_became(aftermath(entries=Counter(reserve=5, capture=3, release=1)))
    assert found["credits set aside and never settled"] == "1"


@pytest.mark.parametrize(
    ("title", "is_one"),
    [
        ("ray::ServeReplica:hark:media", True),
        ("ray::ServeReplica:hark:media.decode", True),
        ("ray::ServeReplica:hark:media2", False),
        ("ray::ServeReplica:hark-stream:media", False),
        ("grep ray::ServeReplica:hark:media", False),
    ],
)
def test_replicas_are_known_by_the_titles_of_their_processes(title: str, is_one: bool) -> None:
    assert is_replica(title, "media") is is_one
