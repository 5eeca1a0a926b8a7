"""What `hark bench nodes` says of a service that lost its parts, and what it does to it."""

from __future__ import annotations

import pytest

from benchmarks.common.job_client import JobRun
from benchmarks.nodes.cluster import Replica
from benchmarks.nodes.faults import all_deployments, blows, changed_live, fullest_node, restarting
from benchmarks.nodes.report import Happening, Jobs, nodes_report
from benchmarks.nodes.traffic import OK, WRONG, Asked, Patience
from configs.load import read_profile

KILL = Happening(what="ingress", began_s=10, ended_s=40, whole_again_s=8.25)
LATER = Happening(what="database", began_s=40, ended_s=70, whole_again_s=None)
CHANGE = Happening(what="settings", began_s=70, ended_s=99, whole_again_s=20, is_fault=False)


def asked(patience: Patience, began_s: float, ended_s: float, *outcomes: str) -> Asked:
    return Asked(patience=patience, name="words", began_s=began_s, ended_s=ended_s, outcomes=list(outcomes))


REQUESTS = [
    asked("plain", 5, 9, OK),
    asked("plain", 8, 12, "ReadError"),
    asked("as told", 8, 20, "503 of the proxy", OK),
    asked("plain", 20, 30, WRONG),
    asked("as told", 35, 45, "ReadError", "ReadError"),
    asked("plain", 70, 75, OK),
]
JOBS = Jobs(runs=[JobRun(name="1", audio_s=1, job={"status": "completed", "attempts": 2})], unlike=0)


def rows() -> dict[str, list[str]]:
    report = nodes_report([KILL, LATER, CHANGE], REQUESTS, JOBS, command="hark bench nodes")
    return {row[0]: list(row[1:]) for table in report.tables[:2] for row in table.rows}


def test_a_request_belongs_to_what_happened_last_before_its_end() -> None:
    found = rows()
    assert found["ingress"] == ["2", "1", "1", "1", "0", "1", "12.0", "8.2"]
    assert found["database"] == ["1", "0", "0", "1", "1", "0", "10.0", "not"]
    assert found["settings"] == ["1", "1", "0", "0", "0", "0", "5.0", "20.0"]


def test_every_answer_that_was_none_is_told() -> None:
    report = nodes_report([KILL, LATER, CHANGE], REQUESTS, JOBS, command="")
    assert report.tables[2].rows == [
        ["ingress", "plain", "ReadError", "1"],
        ["ingress", "plain", WRONG, "1"],
        ["ingress", "as told", "503 of the proxy", "1"],
        ["database", "as told", "ReadError", "2"],
    ]


@pytest.mark.parametrize(("status", "lost"), [("completed", 0), ("failed", 1), ("processing", 1)])
def test_a_job_that_did_not_complete_is_lost(status: str, lost: int) -> None:
    assert Jobs(runs=[JobRun(name="1", audio_s=1, job={"status": status})], unlike=0).lost == lost


def test_the_node_that_is_killed_has_an_ingress_and_much_else() -> None:
    placed = [("head", "ingress"), ("a", "ingress"), ("a", "media"), ("b", "media"), ("b", "diarizer"), ("b", "x")]
    replicas = [Replica(deployment=name, pid=1, node_id=node) for node, name in placed]
    assert fullest_node(replicas, ["a", "b"]) == "a"


def test_everything_is_done_to_it_faults_first() -> None:
    faults = [blow.is_fault for blow in blows()]
    assert faults == sorted(faults, reverse=True)
    assert len({blow.what for blow in blows()}) == len(faults)


def test_a_live_change_leaves_settings_and_resources_alone() -> None:
    before = read_profile("embedded")
    fixed = next(d for d in all_deployments(before) if d["name"] == "recognizer-base")
    fixed |= {"num_replicas": 2}
    after = changed_live(before)
    changed = {
        new["name"]: {key for key in new if new[key] != old[key]}
        for new, old in zip(all_deployments(after), all_deployments(before), strict=True)
        if new != old
    }
    assert changed == {"ingress": {"max_ongoing_requests"}, "recognizer-base": {"num_replicas"}}
    assert after["applications"][0]["args"] == before["applications"][0]["args"]


def test_every_restart_is_another_one() -> None:
    once = restarting(read_profile("embedded"))
    twice = restarting(once)
    for revision, config in (("1", once), ("2", twice)):
        for deployment in all_deployments(config):
            assert deployment["ray_actor_options"]["runtime_env"]["env_vars"]["HARK_BENCH_REVISION"] == revision
            assert deployment["ray_actor_options"]["num_cpus"] > 0
