"""What `hark manifest` prints, taken apart."""

from __future__ import annotations

import copy
import functools
from typing import Any

import yaml
from typer.testing import CliRunner

from serve_app.cli import app

Object = dict[str, Any]


@functools.cache
def _printed(profile: str) -> list[Object]:
    printed = CliRunner().invoke(app, ["manifest", "--profile", profile])
    assert printed.exit_code == 0, printed.output
    return list(yaml.safe_load_all(printed.output))


def documents(profile: str = "gpu") -> list[Object]:
    """Return what the command prints for a profile; the caller may change it."""
    return copy.deepcopy(_printed(profile))


def the(kind: str, profile: str = "gpu") -> Object:
    [found] = [each for each in documents(profile) if each["kind"] == kind]
    return found


def cluster() -> Object:
    found: Object = the("RayService")["spec"]["rayClusterConfig"]
    return found


def groups() -> dict[str, Object]:
    return {group["groupName"]: group for group in cluster()["workerGroupSpecs"]}


def pod_templates() -> dict[str, Object]:
    return {"head": cluster()["headGroupSpec"]["template"]} | {
        name: each["template"] for name, each in groups().items()
    }


def environment(group: str) -> dict[str, str]:
    [container] = pod_templates()[group]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}
