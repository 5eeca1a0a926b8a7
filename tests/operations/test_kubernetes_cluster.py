"""The cluster of `hark manifest`: what its parts promise each other, Serve, and the operator."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from printed_manifest import cluster, environment, groups, pod_templates, the
from ray.serve.schema import ServeDeploySchema
from typer.testing import CliRunner

from configs.load import app_settings, profile_names, read_profile
from serve_app.cli import app
from serve_app.cli.manifest import TEMPLATE, kubernetes_objects
from serve_app.cli.serve_environment import SERVE_ENVIRONMENT


def test_the_operator_has_nothing_against_the_cluster() -> None:
    """What it refuses or ignores beyond the schema: its own checks of a RayCluster with Redis and an autoscaler."""
    assert tuple(map(int, cluster()["rayVersion"].split("."))) >= (2, 52, 0)  # tokens
    for group in groups().values():
        assert group["minReplicas"] == group["replicas"] <= group["maxReplicas"]
    for name, template in pod_templates().items():
        assert template["spec"].get("restartPolicy", "Never") == "Never"
        variables = environment(name)
        assert not variables.keys() & {"RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME"}
        assert "RAY_enable_autoscaler_v2" not in variables
        ports = {port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
        assert ports["serve"] == 8000  # readiness asks there
    assert not the("RayService")["metadata"].get(
        "annotations"
    )  # ray.io/ft-enabled and Redis' options exclude each other


@pytest.mark.parametrize("profile", profile_names())
def test_serve_takes_the_config_inside_and_listens_to_the_pods_address(profile: str) -> None:
    config = yaml.safe_load(the("RayService", profile)["spec"]["serveConfigV2"])
    assert ServeDeploySchema.model_validate(config).http_options.host == "0.0.0.0"  # noqa: S104 - a pod's
    assert app_settings(config) == app_settings(read_profile(profile))


@pytest.mark.parametrize("profile", profile_names())
def test_a_deleted_worker_lives_until_its_replicas_have_finished(profile: str) -> None:
    config = read_profile(profile)
    deployments = [each for application in config["applications"] for each in application["deployments"]]
    longest_s = max(each.get("graceful_shutdown_timeout_s", 20) for each in deployments)
    for name, group in groups().items():
        drain_s = float(environment(name)["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
        assert longest_s + 30 <= drain_s  # replicas elsewhere start first
        assert drain_s + 30 <= group["template"]["spec"]["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("group", ["head", "cpu", "gpu"])
def test_every_ray_process_has_the_environment_that_hark_serve_gives(group: str) -> None:
    # The path is the image's; a proxy in a cluster must not drain in a second, others look every few seconds.
    own = {"RAY_SERVE_HAPROXY_BINARY_PATH", "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"}
    for name, value in SERVE_ENVIRONMENT.items():
        assert name in own or environment(group)[name] == value, name
    assert environment(group)["RAY_SERVE_HAPROXY_BINARY_PATH"].endswith("/hark-haproxy")
    assert pod_templates()[group]["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "hark"}}]


def test_secrets_and_claims_that_pods_name_are_there() -> None:
    printed = kubernetes_objects(read_profile("gpu"), TEMPLATE.read_text(encoding="utf-8"))
    secrets = {each["metadata"]["name"]: each["stringData"] for each in printed if each["kind"] == "Secret"}
    password = cluster()["gcsFaultToleranceOptions"]["redisPassword"]["valueFrom"]["secretKeyRef"]
    assert password["key"] in secrets[password["name"]]
    claims = {each["metadata"]["name"] for each in printed if each["kind"] == "PersistentVolumeClaim"}
    for template in pod_templates().values():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        assert volumes["data"]["persistentVolumeClaim"]["claimName"] in claims
        for container in [*template["spec"]["containers"], *template["spec"].get("initContainers", [])]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
            assert {source["secretRef"]["name"] for source in container["envFrom"]} <= set(secrets)
    assert set(secrets["hark"]) >= {"HARK_DATABASE_URL", "HARK_OPERATOR_KEY", "HARK_URL_SECRETS"}
    assert all("CHANGE-ME" in value for values in secrets.values() for value in values.values())


def test_one_replica_of_each_model_fits_the_groups_at_rest() -> None:
    config = yaml.safe_load(the("RayService")["spec"]["serveConfigV2"])
    needed = {"cpu": 0.0, "gpu": 0.0}
    for deployment in (d for application in config["applications"] for d in application["deployments"]):
        scaling = deployment.get("autoscaling_config", {})
        replicas = scaling.get("min_replicas", 1) if scaling else deployment.get("num_replicas", 1)
        options = deployment["ray_actor_options"]
        needed["cpu"] += replicas * options.get("num_cpus", 1)
        needed["gpu"] += replicas * options.get("num_gpus", 0)
    has = {"cpu": 0.0, "gpu": 0.0}
    for group in groups().values():
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        has["cpu"] += group["replicas"] * float(limits["cpu"])
        has["gpu"] += group["replicas"] * float(limits.get("nvidia.com/gpu", 0))
    assert needed["gpu"] > 0
    assert needed["cpu"] <= has["cpu"]
    assert needed["gpu"] <= has["gpu"]


def test_the_budget_keeps_a_worker_and_lets_another_go() -> None:
    """Only `minAvailable` as a number works where pods belong to a resource without a scale, as a RayCluster is."""
    budget = the("PodDisruptionBudget")["spec"]
    assert set(budget) == {"minAvailable", "selector"}
    selected = budget["selector"]["matchLabels"]
    kept = []
    for name, group in groups().items():
        operators = {"ray.io/node-type": "worker", "ray.io/group": name}
        if selected.items() <= {**group["template"]["metadata"]["labels"], **operators}.items():
            kept.append(name)
            assert isinstance(budget["minAvailable"], int)
            assert 0 < budget["minAvailable"] < group["minReplicas"]
    assert kept == ["cpu"]


@pytest.mark.parametrize("profile", profile_names())
def test_workers_fetch_the_weights_of_the_profile_before_they_start(profile: str) -> None:
    spec = the("RayService", profile)["spec"]["rayClusterConfig"]
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
    assert "profile: ours" in the("RayService", str(own))["spec"]["serveConfigV2"]
    assert CliRunner().invoke(app, ["manifest", "--profile", "none"]).exit_code == 2
