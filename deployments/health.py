"""The state of the cluster's deployments as `GET /health` tells it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray.serve.context import _get_global_client

from deployments.first_use import loading_weights
from serve_app.api.services import HealthReport

TTL_S = 1.0  # health is asked for by many; the controller should not be
TIMEOUT_S = 5.0


class ClusterHealth:
    """Asks Serve's controller, at most once a second."""

    def __init__(self, *, app_name: str, profile: str, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._app_name = app_name
        self._profile = profile
        self._report: HealthReport | None = None
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def __call__(self) -> HealthReport:
        async with self._asking:
            if self._report is None or time.monotonic() >= self._until:
                self._report = await self._ask()
                self._until = time.monotonic() + TTL_S
            return self._report

    async def _ask(self) -> HealthReport:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                applications, resources, nodes = await asyncio.to_thread(
                    lambda: (_applications(), ray.cluster_resources(), ray.nodes())
                )
        except Exception as error:  # a controller that restarts: this replica still answers requests
            return HealthReport(
                status="degraded",
                able_to_serve=True,
                details={"profile": self._profile, "controller": f"no answer ({type(error).__name__})"},
            )
        deployments = {name: _state(details) for name, details in applications[self._app_name]["deployments"].items()}
        running = all(d["replicas_running"] > 0 or d["may_be_idle"] for d in deployments.values())
        healthy = running and all(d["status"] in {"HEALTHY", "UPSCALING", "DOWNSCALING"} for d in deployments.values())
        gpus = [key.removeprefix("accelerator_type:") for key in resources if key.startswith("accelerator_type:")]
        return HealthReport(
            status="ok" if healthy else "degraded" if running else "starting",
            able_to_serve=running,
            gpu_available=resources.get("GPU", 0) > 0,
            gpu_name=gpus[0] if gpus else None,
            deployments=deployments,
            nodes=tuple(_node(node) for node in nodes),
            details={"profile": self._profile, **self._loading()},
        )

    def _loading(self) -> dict[str, Any]:
        """Return how far weights have come that are fetched on first use; nothing while none are."""
        found = {
            each.name: {
                "stage": each.stage,
                "done_bytes": each.done_bytes,
                "total_bytes": each.total_bytes,
                "left_s": None if each.left_s is None else round(each.left_s),
            }
            for each in loading_weights(self._data_dir)
        }
        return {"loading": found} if found else {}


def _applications() -> dict[str, Any]:
    """Return what Serve knows of its applications, as its REST API has it.

    `serve.status()` makes configurations of it, for which it pickles each deployment's router: 0.1 s of CPU.
    """
    client = _get_global_client()
    applications: dict[str, Any] = client.get_serve_details()["applications"]  # type: ignore[union-attr]  # raises instead
    return applications


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node as admins see it; Ray's own resources, which only say what runs where, are left out."""
    resources = node["Resources"]
    return {
        "id": node["NodeID"],
        "alive": node["Alive"],
        "address": node["NodeManagerAddress"],
        "cpus": resources.get("CPU", 0),
        "gpus": resources.get("GPU", 0),
        "metrics_port": node.get("MetricsExportPort"),
        "memory_bytes": round(resources.get("memory", 0)),
    }


def _state(details: Mapping[str, Any]) -> dict[str, Any]:
    states = Counter(replica["state"] for replica in details["replicas"])
    return {
        "status": str(details["status"].value),
        "replicas_running": states["RUNNING"],
        "replicas_starting": states["STARTING"],
        "may_be_idle": not states and details["status"] == "HEALTHY",
    }
