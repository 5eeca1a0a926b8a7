"""Three raylets on this machine as a cluster, and the service on it as one of its drivers sees it."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.common.own_service import Config

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

NODES = 3
_NODE: Config = {"num_cpus": 8, "object_store_memory": 200 * 1024**2}  # CPUs are only counted
_TOLD_WITHIN_S = 10.0  # what is asked of a controller that has just been killed

# As on a cluster of several machines, where proxies learn of a stop when they look: `hark serve` on one shortens it.
_DRAINING = {
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "30",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "660",
}
_STOPPED_WITHIN_S = 120.0  # with short requests only


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A running replica."""

    deployment: str
    pid: int
    node_id: str


class Nodes:
    """The cluster's machines. Its head, which has the proxy and the controller, stays."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopping: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    @property
    def workers(self) -> list[str]:
        """Return the ids of all nodes but the head."""
        return [node.node_id for node in self._cluster.worker_nodes]

    def kill(self, node_id: str) -> None:
        """Kill everything that runs on a node at once, as a power cut does."""
        import psutil

        node = self._worker(node_id)
        roots = [psutil.Process(info.process.pid) for infos in node.all_processes.values() for info in infos]
        for process in [*roots, *(child for root in roots for child in root.children(recursive=True))]:
            with suppress(psutil.Error):
                process.kill()
        self._cluster.remove_node(node, allow_graceful=False)

    def stop(self, node_id: str) -> None:
        """Ask a node to end when it has drained, as `ray start --block` passes it on; returns at once."""
        node = self._worker(node_id)
        (raylet,) = node.all_processes["raylet"]
        raylet.process.terminate()
        self._stopping.append(node)

    def complete(self) -> None:
        """Let a new node join for each one that was killed or stopped. Raises TimeoutExpired when one does not stop."""
        while self._stopping:
            node = self._stopping.pop()
            (raylet,) = node.all_processes["raylet"]
            raylet.process.wait(_STOPPED_WITHIN_S)
            self._cluster.remove_node(node, allow_graceful=False)
        while len(self._cluster.worker_nodes) < NODES - 1:
            self._cluster.add_node(**_NODE)

    def _worker(self, node_id: str) -> Any:
        return next(node for node in self._cluster.worker_nodes if node.node_id == node_id)


@contextmanager
def three_nodes() -> Iterator[Nodes]:
    """Run a head and two workers for the block, with the environment that the operators' guide gives them."""
    from serve_app.cli.serve_environment import serve_environment

    # Ray reads them when it is imported, too.
    os.environ.update(serve_environment(os.environ | _DRAINING) | _DRAINING)
    os.environ["RAY_AUTH_MODE"] = "token"
    from ray._private.authentication.authentication_token_setup import ensure_token_if_auth_enabled
    from ray.cluster_utils import Cluster

    ensure_token_if_auth_enabled(create_token_if_missing=True)
    # Nodes that stop by themselves want signals of their own, which only the main thread may take.
    cluster = Cluster(initialize_head=True, head_node_args=_NODE | {"include_dashboard": False}, shutdown_at_exit=False)
    try:
        for _ in range(NODES - 1):
            cluster.add_node(**_NODE)
        yield Nodes(cluster)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call, unused-ignore]


class Deployed:
    """What only a driver of the cluster can do or know. Its calls block."""

    def __init__(self, address: str) -> None:
        import ray

        told_to_end = signal.getsignal(signal.SIGTERM)
        ray.init(address=address, namespace="serve", log_to_driver=False, logging_level=logging.ERROR)
        signal.signal(signal.SIGTERM, told_to_end)  # Ray's own would end us without stopping the nodes

    @staticmethod
    def leave() -> None:
        import ray

        ray.shutdown()

    def deploy(self, config: Config) -> None:
        """Give the cluster another config, as `serve deploy` does; returns at once."""
        from ray.serve.context import _get_global_client
        from ray.serve.schema import ServeDeploySchema

        client: Any = _get_global_client()
        client.deploy_apps(ServeDeploySchema.model_validate(config))

    @staticmethod
    def controller_pid() -> int | None:
        """Return Serve's controller's process; None while there is none."""
        import psutil

        for ours in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, IndexError):
                if ours.cmdline()[0].startswith("ray::ServeController"):
                    return int(ours.pid)
        return None

    def replicas(self) -> list[Replica]:
        """Return the running replicas."""
        return list(_running(self._details()))

    def is_whole(self, without: Iterable[int] = ()) -> bool:
        """Tell whether every deployment has all the replicas it is to have, none of them one of these processes."""
        try:
            details = self._details()
        except Exception:  # a controller that has just been killed
            return False
        dead = set(without)
        return (
            all(application["status"] == "RUNNING" for application in details["applications"].values())
            and all(_is_whole(deployment) for deployment in _deployments(details))
            and not any(replica.pid in dead for replica in _running(details))
            and self.controller_pid() not in {None, *dead}
        )

    def _details(self) -> dict[str, Any]:
        import ray
        from ray.serve._private.constants import SERVE_CONTROLLER_NAME

        controller = ray.get_actor(SERVE_CONTROLLER_NAME, namespace="serve")
        told: Any = ray.get(controller.get_serve_instance_details.remote(), timeout=_TOLD_WITHIN_S)
        return dict(told)


def _deployments(details: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for application in details["applications"].values():
        yield from application["deployments"].values()


def _running(details: dict[str, Any]) -> Iterator[Replica]:
    for deployment in _deployments(details):
        for replica in deployment["replicas"]:
            if replica["state"] == "RUNNING":
                yield Replica(deployment=deployment["name"], pid=replica["pid"], node_id=replica["node_id"])


def _is_whole(deployment: dict[str, Any]) -> bool:
    states = [replica["state"] for replica in deployment["replicas"]]
    return (
        deployment["status"] == "HEALTHY"
        and states.count("RUNNING") == deployment["target_num_replicas"]
        and all(state == "RUNNING" for state in states)
    )
