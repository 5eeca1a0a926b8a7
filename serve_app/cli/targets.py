"""Where Prometheus finds the metrics of a service that `hark serve` started: its ports are others at every start."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = "prometheus_targets.json"  # in the data directory


def prometheus_targets(nodes: Iterable[Mapping[str, Any]], *, haproxy_port: int | None) -> list[dict[str, Any]]:
    """Return what `file_sd_configs` reads, for nodes as `ray.nodes()` tells them."""
    alive = [node for node in nodes if node["Alive"]]
    groups = [("ray", [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in alive])]
    if haproxy_port is not None:
        groups.append(("haproxy", [f"{node['NodeManagerAddress']}:{haproxy_port}" for node in alive]))
    return [{"targets": targets, "labels": {"part": part}} for part, targets in groups]


def write_targets(data_dir: Path, targets: list[dict[str, Any]]) -> Path:
    """Write the file by one rename: Prometheus reads it whenever it changes."""
    path = data_dir / FILE
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(targets, indent=2), encoding="utf-8")
    draft.replace(path)
    return path
