"""`hark manifest`: a profile as a RayService for Kubernetes, with what it needs around it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from configs.load import app_settings, read_profile
from serve_app.cli.models import DEFAULT_PROFILE

_PULL = ["hark", "models", "pull"]
TEMPLATE = Path(__file__).parents[2] / "configs" / "kuberay" / "cluster.yaml"


def register(app: typer.Typer) -> None:
    app.command("manifest")(manifest)


def manifest(
    profile: Annotated[
        str, typer.Option(envvar="HARK_PROFILE", help="A profile's name, or the path of one of yours.")
    ] = DEFAULT_PROFILE,
    cluster: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The cluster around it; a copy of ours, edited.")
    ] = TEMPLATE,
) -> None:
    """Print what `kubectl apply -f -` takes: the cluster, and the profile as its Serve config."""
    from pydantic import ValidationError

    try:
        config = read_profile(profile)
        app_settings(config)
    except (FileNotFoundError, ValidationError) as fault:
        raise typer.BadParameter(str(fault)) from fault
    documents = kubernetes_objects(config, cluster.read_text(encoding="utf-8"))
    typer.echo(yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=120), nl=False)


def kubernetes_objects(config: dict[str, Any], cluster: str) -> list[dict[str, Any]]:
    """Return the objects of a cluster file with a Serve config in its RayService."""
    documents: list[dict[str, Any]] = [each for each in yaml.safe_load_all(cluster) if each]
    # Serve in a pod is reached through its address; what is in front of it is the cluster's network.
    served = {**config, "http_options": {**config.get("http_options", {}), "host": "0.0.0.0"}}  # noqa: S104
    for document in documents:
        if document["kind"] == "RayService":
            document["spec"]["serveConfigV2"] = yaml.dump(served, Dumper=_Plain, sort_keys=False, width=120)
            _name_weights(document, app_settings(config).weight_sets())
    return documents


def _name_weights(service: dict[str, Any], names: list[str]) -> None:
    """Tell the containers that fetch weights which ones."""
    for group in service["spec"]["rayClusterConfig"]["workerGroupSpecs"]:
        for container in group["template"]["spec"].get("initContainers", []):
            if container["name"] == "weights":
                container["command"] = [*_PULL, *names]


class _Plain(yaml.SafeDumper):
    """Writes what stands twice twice, and texts of several lines as such: people read it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)
