"""What the profiles that ship say of their deployments."""

from __future__ import annotations

from typing import Any

from configs.settings import AppSettings


def deployments(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {deployment["name"]: deployment for deployment in config["applications"][0]["deployments"]}


def replicas(deployment: dict[str, Any]) -> tuple[int, int]:
    """Return the least and the most."""
    scaling = deployment.get("autoscaling_config")
    if scaling is None:
        return deployment["num_replicas"], deployment["num_replicas"]
    return scaling["min_replicas"], scaling["max_replicas"]


def recognizers(config: dict[str, Any], settings: AppSettings) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return model, settings and deployment of each."""
    named = deployments(config)
    return [(model, recognizer, named[f"recognizer-{model}"]) for model, recognizer in settings.recognizers.items()]
