"""What is killed on purpose, one after the other, and the changes that operators make while clients wait."""

from __future__ import annotations

import copy
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.common.own_service import Config, OwnService
from benchmarks.nodes.cluster import Deployed, Nodes, Replica

TWICE = ("ingress", "transcription", "media", "voice-detector", "recognizer-base", "diarizer", "job-worker")
"""Deployments with two replicas, on two nodes. The others, which requests can do without for a moment, have one."""


@dataclass(kw_only=True)
class Target:
    """The service under test."""

    nodes: Nodes
    deployed: Deployed
    service: OwnService
    config: Config
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """Something done to the service. `strike` returns the processes that must not be seen again."""

    what: str
    strike: Callable[[Target], Sequence[int]]
    is_fault: bool = True


def blows() -> list[Blow]:
    """Return everything that is done, in order."""
    return [
        Blow(what="nothing", strike=lambda _: ()),
        Blow(what="a node's recognizer", strike=_replica_of("recognizer-base")),
        Blow(what="a node's coordinator", strike=_replica_of("transcription")),
        Blow(what="the head node's Serve controller", strike=_controller),
        Blow(what="a node's ingress", strike=_replica_of("ingress")),
        Blow(what="a whole worker node", strike=_node),
        Blow(what="the database", strike=_database),
        Blow(what="limits and replicas, live", strike=_live_change, is_fault=False),
        Blow(what="settings: every replica restarts", strike=_new_settings, is_fault=False),
        Blow(what="a worker node is told to stop", strike=_stopping_node, is_fault=False),
    ]


def whole_database(target: Target, without: Sequence[int]) -> bool:
    """Tell whether the embedded server runs, in another process than one of these."""
    pid = _database_pid(target)
    return pid is not None and pid not in without


def fullest_node(replicas: Sequence[Replica], workers: Sequence[str]) -> str:
    """Return the worker node with an ingress that has the most replicas."""
    count = Counter(replica.node_id for replica in replicas)
    with_ingress = {replica.node_id for replica in replicas if replica.deployment == "ingress"}
    return max((node for node in workers if node in with_ingress), key=lambda node: count[node])


def _replica_of(deployment: str) -> Callable[[Target], Sequence[int]]:
    def strike(target: Target) -> Sequence[int]:
        return _killed(next(each.pid for each in target.deployed.replicas() if each.deployment == deployment))

    return strike


def _controller(target: Target) -> Sequence[int]:
    return _killed(target.deployed.controller_pid())


def _node(target: Target) -> Sequence[int]:
    """Kill a node; another one joins once what it had is elsewhere."""
    node, held = _fullest(target)
    target.nodes.kill(node)
    return held


def _stopping_node(target: Target) -> Sequence[int]:
    """Tell a node to stop, as its supervisor does; another one joins when it has."""
    node, held = _fullest(target)
    target.nodes.stop(node)
    return held


def _fullest(target: Target) -> tuple[str, list[int]]:
    """Return the node with the most replicas, and their processes; note which they are."""
    replicas = target.deployed.replicas()
    node = fullest_node(replicas, target.nodes.workers)
    held = [replica for replica in replicas if replica.node_id == node]
    target.notes.append(f"The node held {', '.join(sorted(replica.deployment for replica in held))}.")
    return node, [replica.pid for replica in held]


def _database(target: Target) -> Sequence[int]:
    return _killed(_database_pid(target))


def _killed(pid: int | None) -> Sequence[int]:
    if pid is None:
        return ()
    os.kill(pid, 9)
    return (pid,)


def _database_pid(target: Target) -> int | None:
    from configs.storage import embedded_server

    return embedded_server(target.service.settings.data_path()).pid()


def _live_change(target: Target) -> Sequence[int]:
    target.deployed.deploy(changed_live(target.config))  # the next change takes it back
    return ()


def _new_settings(target: Target) -> Sequence[int]:
    before = [replica.pid for replica in target.deployed.replicas()]
    target.config = restarting(target.config)
    target.deployed.deploy(target.config)
    time.sleep(1.0)  # the controller has to see it
    return before


def changed_live(config: Config) -> Config:
    """Return the config with other limits at the ingress and one recognizer more: no replica restarts for it."""
    config = copy.deepcopy(config)
    for deployment in config["applications"][0]["deployments"]:
        if deployment["name"] == "ingress":
            deployment["max_ongoing_requests"] += 50
        elif deployment["name"] == "recognizer-base":
            deployment["num_replicas"] += 1
    return config


def restarting(config: Config) -> Config:
    """Return the config with a variable in the environment of every deployment's replicas."""
    config = copy.deepcopy(config)
    for deployment in all_deployments(config):
        options = deployment.setdefault("ray_actor_options", {})
        variables = options.setdefault("runtime_env", {}).setdefault("env_vars", {})
        variables["HARK_BENCH_REVISION"] = str(int(variables.get("HARK_BENCH_REVISION", "0")) + 1)
    return config


def all_deployments(config: Config) -> Iterator[Config]:
    for application in config["applications"]:
        yield from application["deployments"]
