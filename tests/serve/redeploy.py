"""Give a running cluster another Serve config, as `serve deploy` does: `python redeploy.py RAY_ADDRESS CONFIG`."""

from __future__ import annotations

import sys
from pathlib import Path

import ray
import yaml
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

if __name__ == "__main__":
    address, config = sys.argv[1:]
    ray.init(address=address, namespace="serve", log_to_driver=False)
    schema = ServeDeploySchema.model_validate(yaml.safe_load(Path(config).read_text(encoding="utf-8")))
    _get_global_client().deploy_apps(schema)
