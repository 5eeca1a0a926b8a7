"""Fractions of GPUs on a cluster whose GPUs are only counted: what shares a card, and what each replica sees of it."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray import serve
from ray.cluster_utils import Cluster

from configs.load import read_profile

GPUS_PER_NODE = 2
READY_S = 120.0

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Cluster]:
    """Two raylets on this machine, each with two GPUs that exist by name."""
    node = {"num_cpus": 16, "num_gpus": GPUS_PER_NODE, "object_store_memory": 80 * 1024**2}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    try:
        ray.init(address=cluster.address, namespace="serve", log_to_driver=False)
        serve.start(proxy_location="Disabled")
        yield cluster
    finally:
        serve.shutdown()
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(autouse=True)
def nothing_left(two_nodes: Cluster) -> Iterator[None]:
    yield
    for name in serve.status().applications:
        serve.delete(name, _blocking=False)
    deadline_s = time.monotonic() + READY_S
    while left := serve.status().applications:
        assert time.monotonic() < deadline_s, f"{set(left)} were not deleted"
        time.sleep(0.2)


def place(name: str, *, n_replicas: int, **options: Any) -> None:
    """Deploy so many replicas that do nothing but say where they are."""

    class Replica:
        async def __call__(self) -> tuple[str, str, str]:
            where = ray.get_runtime_context()
            return where.get_actor_id(), where.get_node_id(), os.environ.get("CUDA_VISIBLE_DEVICES", "")

    options = {"max_ongoing_requests": 100, **options}
    application = serve.deployment(name=name)(Replica).options(num_replicas=n_replicas, **options).bind()
    serve._run(application, name=name, route_prefix=None, _blocking=False)


async def placed(name: str, *, n_replicas: int) -> list[tuple[str, str]]:
    """Return (node, visible devices) of each replica once so many answer."""
    handle = serve.get_app_handle(name)
    found: dict[str, tuple[str, str]] = {}
    deadline_s = time.monotonic() + READY_S
    while len(found) < n_replicas:
        assert time.monotonic() < deadline_s, f"{len(found)} of {n_replicas} replicas of {name} answer"
        actor, node, devices = await handle.remote()
        found[actor] = node, devices
    return list(found.values())


def shares_on_gpu() -> dict[str, float]:
    """Return the share of a GPU of every deployment of the gpu profile that has one."""
    named = read_profile("gpu")["applications"][0]["deployments"]
    options = {deployment["name"]: deployment["ray_actor_options"] for deployment in named}
    return {name: each["num_gpus"] for name, each in options.items() if each.get("num_gpus")}


async def test_replicas_of_fractions_share_cards_and_each_sees_one(two_nodes: Cluster) -> None:
    place("half", n_replicas=8, ray_actor_options={"num_cpus": 0.1, "num_gpus": 0.5})
    cards = Counter(await placed("half", n_replicas=8))

    assert {devices for _, devices in cards} <= {"0", "1"}
    assert set(cards.values()) == {2}  # all four are filled, none with three halves


async def test_one_of_each_model_of_the_gpu_profile_fits_whole_cards(two_nodes: Cluster) -> None:
    shares = shares_on_gpu()
    for name, share in shares.items():
        place(name, n_replicas=1, ray_actor_options={"num_cpus": 0.1, "num_gpus": share})
    filled: dict[tuple[str, str], float] = defaultdict(float)
    for name, share in shares.items():
        (card,) = await placed(name, n_replicas=1)
        filled[card] += share

    assert all(used <= 1.0 + 1e-9 for used in filled.values())
    assert all(devices in {"0", "1"} for _, devices in filled)
    assert sum(filled.values()) == pytest.approx(sum(shares.values()))


async def test_a_model_that_takes_no_gpu_sees_none(two_nodes: Cluster) -> None:
    place("cpu", n_replicas=1, ray_actor_options={"num_cpus": 0.1})
    ((_, devices),) = await placed("cpu", n_replicas=1)

    assert devices == ""


async def test_no_more_replicas_than_allowed_share_a_node(two_nodes: Cluster) -> None:
    place("apart", n_replicas=3, max_replicas_per_node=1, ray_actor_options={"num_cpus": 0.1, "num_gpus": 0.1})
    nodes = {node for node, _ in await placed("apart", n_replicas=2)}
    status = serve.status().applications["apart"].deployments["apart"]

    assert len(nodes) == 2
    assert status.replica_states["RUNNING"] == 2  # the third waits for a third node
