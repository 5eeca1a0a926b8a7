"""`hark manifest` against the schemas of Kubernetes, of RayService and of Ray Serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.serve.schema import ServeDeploySchema
from typer.testing import CliRunner

from configs.load import app_settings, profile_names, read_profile
from serve_app.cli import app
from serve_app.cli.manifest import TEMPLATE, kubernetes_objects
from serve_app.cli.serve import SERVE_ENVIRONMENT

KUBERNETES = "1.31"
SCHEMA = yaml.safe_load(TEMPLATE.with_name("rayservice.schema.yaml").read_text(encoding="utf-8"))
PODS_LABELS = {"ray.io/node-type": "worker"}  # the operator's


def objects(profile: str = "gpu") -> dict[str, dict[str, Any]]:
    """Return what the command prints for a profile, by kind; of two of a kind, the first."""
    printed = CliRunner().invoke(app, ["manifest", "--profile", profile])
    assert printed.exit_code == 0, printed.output
    return {each["kind"]: each for each in reversed(list(yaml.safe_load_all(printed.output)))}


def cluster() -> dict[str, Any]:
    found: dict[str, Any] = objects()["RayService"]["spec"]["rayClusterConfig"]
    return found


def pod_templates() -> dict[str, dict[str, Any]]:
    spec = cluster()
    groups = {group["groupName"]: group["template"] for group in spec["workerGroupSpecs"]}
    return {"head": spec["headGroupSpec"]["template"], **groups}


@pytest.mark.parametrize("profile", profile_names())
def test_the_rayservice_is_one_by_its_schema(profile: str) -> None:
    jsonschema.validate(objects(profile)["RayService"], SCHEMA)


@pytest.mark.parametrize("spoil", ["redisAdress", "headGroupSpecs", "maxReplica"])
def test_a_misspelt_field_is_found(spoil: str) -> None:
    service = objects()["RayService"]
    spec = service["spec"]["rayClusterConfig"]
    places = {"redisAdress": spec["gcsFaultToleranceOptions"], "maxReplica": spec["workerGroupSpecs"][0]}
    places.get(spoil, spec)[spoil] = 1
    with pytest.raises(jsonschema.ValidationError, match=spoil):
        jsonschema.validate(service, SCHEMA)


@pytest.mark.parametrize("kind", ["Secret", "PersistentVolumeClaim", "PodDisruptionBudget"])
def test_what_is_around_it_is_kubernetes(kind: str) -> None:
    import kubernetes_validate

    kubernetes_validate.validate(objects()[kind], KUBERNETES, strict=True)


@pytest.mark.parametrize("group", ["head", "cpu", "gpu"])
def test_pods_are_kubernetes(group: str) -> None:
    import kubernetes_validate

    template = pod_templates()[group]
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", **template}, KUBERNETES, strict=True)
    spoilt = {**template, "spec": {**template["spec"], "tolerationz": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", **spoilt}, KUBERNETES, strict=True)


@pytest.mark.parametrize("profile", profile_names())
def test_serve_takes_the_config_inside_and_listens_to_the_pods_address(profile: str) -> None:
    config = yaml.safe_load(objects(profile)["RayService"]["spec"]["serveConfigV2"])
    assert ServeDeploySchema.model_validate(config).http_options.host == "0.0.0.0"  # noqa: S104 - a pod's
    assert app_settings(config) == app_settings(read_profile(profile))


@pytest.mark.parametrize("group", ["head", "cpu", "gpu"])
def test_every_ray_process_has_the_environment_that_hark_serve_gives(group: str) -> None:
    [container] = pod_templates()[group]["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    # The path is the image's; a proxy in a cluster must not drain in a second, others look every few seconds.
    own = {"RAY_SERVE_HAPROXY_BINARY_PATH", "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"}
    for name, value in SERVE_ENVIRONMENT.items():
        assert name in own or environment[name] == value, name
    assert environment["RAY_SERVE_HAPROXY_BINARY_PATH"].endswith("/hark-haproxy")
    assert container["envFrom"] == [{"secretRef": {"name": "hark"}}]


def test_secrets_and_claims_that_pods_name_are_there() -> None:
    documents = kubernetes_objects(read_profile("gpu"), TEMPLATE.read_text(encoding="utf-8"))
    secrets = {each["metadata"]["name"]: each["stringData"] for each in documents if each["kind"] == "Secret"}
    password = cluster()["gcsFaultToleranceOptions"]["redisPassword"]["valueFrom"]["secretKeyRef"]
    assert password["key"] in secrets[password["name"]]
    claims = {each["metadata"]["name"] for each in documents if each["kind"] == "PersistentVolumeClaim"}
    for template in pod_templates().values():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        assert volumes["data"]["persistentVolumeClaim"]["claimName"] in claims
        for container in [*template["spec"]["containers"], *template["spec"].get("initContainers", [])]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
            assert {source["secretRef"]["name"] for source in container["envFrom"]} <= set(secrets)
    assert set(secrets["hark"]) >= {"HARK_DATABASE_URL", "HARK_OPERATOR_KEY", "HARK_URL_SECRETS"}
    assert all("CHANGE-ME" in value for values in secrets.values() for value in values.values())


def test_one_replica_of_each_model_fits_the_groups_at_rest() -> None:
    config = yaml.safe_load(objects()["RayService"]["spec"]["serveConfigV2"])
    needed = {"cpu": 0.0, "gpu": 0.0}
    for deployment in (d for application in config["applications"] for d in application["deployments"]):
        scaling = deployment.get("autoscaling_config", {})
        replicas = scaling.get("min_replicas", 1) if scaling else deployment.get("num_replicas", 1)
        options = deployment["ray_actor_options"]
        needed["cpu"] += replicas * options.get("num_cpus", 1)
        needed["gpu"] += replicas * options.get("num_gpus", 0)
    groups = {group["groupName"]: group for group in cluster()["workerGroupSpecs"]}
    has = {"cpu": 0.0, "gpu": 0.0}
    for group in groups.values():
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        has["cpu"] += group["replicas"] * float(limits["cpu"])
        has["gpu"] += group["replicas"] * float(limits.get("nvidia.com/gpu", 0))
    assert needed["gpu"] > 0
    assert needed["cpu"] <= has["cpu"]
    assert needed["gpu"] <= has["gpu"]


def test_the_pods_that_may_not_be_missing_together_are_the_workers() -> None:
    selector = objects()["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    for group in ("cpu", "gpu"):
        assert selector.items() <= {**pod_templates()[group]["metadata"]["labels"], **PODS_LABELS}.items()


@pytest.mark.parametrize("profile", profile_names())
def test_workers_fetch_the_weights_of_the_profile_before_they_start(profile: str) -> None:
    spec = objects(profile)["RayService"]["spec"]["rayClusterConfig"]
    wanted = app_settings(read_profile(profile)).weight_sets()
    for group in spec["workerGroupSpecs"]:
        [fetching] = group["template"]["spec"]["initContainers"]
        assert fetching["command"] == ["hark", "models", "pull", *wanted]
        assert "HF_HUB_OFFLINE" not in {entry["name"] for entry in fetching["env"]}


def test_a_profile_of_ones_own_is_taken_and_nonsense_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    config = read_profile("embedded")
    config["applications"][0]["args"]["profile"] = "ours"
    own.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert "profile: ours" in objects(str(own))["RayService"]["spec"]["serveConfigV2"]
    assert CliRunner().invoke(app, ["manifest", "--profile", "none"]).exit_code == 2
