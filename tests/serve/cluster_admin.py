"""What only a driver of the cluster can do or know: `python cluster_admin.py RAY_ADDRESS deploy CONFIG | replicas`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ray
import yaml
from ray.serve.context import _get_global_client
from ray.serve.schema import ReplicaState, ServeDeploySchema


def deploy(config: str) -> None:
    """Give the cluster another Serve config, as `serve deploy` does."""
    schema = ServeDeploySchema.model_validate(yaml.safe_load(Path(config).read_text(encoding="utf-8")))
    _get_global_client().deploy_apps(schema)


def replicas() -> None:
    """Print the process ids of every deployment's running replicas."""
    application = _get_global_client().get_serve_details()["applications"]["hark"]
    pids = {
        name: [replica["pid"] for replica in deployment["replicas"] if replica["state"] == ReplicaState.RUNNING]
        for name, deployment in application["deployments"].items()
    }
    print(json.dumps(pids))


if __name__ == "__main__":
    address, command, *arguments = sys.argv[1:]
    ray.init(address=address, namespace="serve", log_to_driver=False)
    {"deploy": deploy, "replicas": replicas}[command](*arguments)
