"""`hark manifest` against the schemas of Kubernetes and of RayService: faults in it are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from printed_manifest import Object, documents, the

from configs.load import profile_names
from serve_app.cli.manifest import TEMPLATE

KUBERNETES = ["1.31", "1.37"]  # from the oldest that clouds run to the newest that there are schemas of
SCHEMA = yaml.safe_load(TEMPLATE.with_name("rayservice.schema.yaml").read_text(encoding="utf-8"))
AUTOSCALERS_OWN = {"version", "upscalingMode", "idleTimeoutSeconds"}  # the rest is a container's
QUANTITY = re.compile(r"\d+(\.\d+)?([KMGTPE]i|[numkMGTPE])?")
NOTHING = object()


def check(document: Object, version: str = KUBERNETES[-1]) -> None:
    """Raise the fault that Kubernetes would find in an object, also where it would only drop a field."""
    if document["kind"] == "RayService":
        jsonschema.validate(document, SCHEMA)
        for inside in _objects_inside(document["spec"]):
            kubernetes_validate.validate(inside, version, strict=True)
    else:
        kubernetes_validate.validate(document, version, strict=True)


def _objects_inside(spec: Object) -> Iterator[Object]:
    """Yield what in a RayService is Kubernetes' own, as objects that it knows."""
    inner = spec["rayClusterConfig"]
    for group in [inner["headGroupSpec"], *inner["workerGroupSpecs"]]:
        yield {"apiVersion": "v1", "kind": "Pod", **group["template"]}
    options = inner.get("autoscalerOptions", {})
    state = inner.get("gcsFaultToleranceOptions", {})
    credentials = [state[name] for name in ("redisUsername", "redisPassword") if name in state]
    autoscaler = {name: value for name, value in options.items() if name not in AUTOSCALERS_OWN}
    head = {"env": [{"name": "REDIS", **each} for each in credentials]}
    containers = [{"name": "one", **autoscaler}, {"name": "two", **head}]
    yield {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}}
    for service in (spec.get("serveService"), inner["headGroupSpec"].get("headService")):
        if service is not None:
            yield {"apiVersion": "v1", "kind": "Service", **service}


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("profile", profile_names())
def test_kubernetes_takes_all_that_is_printed(profile: str, version: str) -> None:
    for document in documents(profile):
        check(document, version)


WORKERS = "spec.rayClusterConfig.workerGroupSpecs.1."
CONTAINER = WORKERS + "template.spec.containers.0."
CLUSTER = "spec.rayClusterConfig."
FAULTS: dict[str, tuple[str, Any]] = {
    "an unknown field of the object": ("specs", {}),
    "an unknown field of its metadata": ("metadata.label", {}),
    "an unknown field of the service": ("spec.excludeHeadPod", True),
    "an unknown field of the cluster": (CLUSTER + "headGroupSpecs", {}),
    "an unknown field of the upgrade": ("spec.upgradeStrategy.kind", "NewCluster"),
    "an unknown field of the authentication": (CLUSTER + "authOptions.modes", "token"),
    "an unknown field of a template's metadata": (WORKERS + "template.metadata.ownerReferences", []),
    "an unknown field of the head": (CLUSTER + "headGroupSpec.replicas", 1),
    "an unknown field of a worker group": (WORKERS + "maxReplica", 4),
    "an unknown field of Ray's state": (CLUSTER + "gcsFaultToleranceOptions.redisAdress", "redis:6379"),
    "an unknown field of the autoscaler": (CLUSTER + "autoscalerOptions.idleTimeout", 60),
    "an unknown field of a pod template": (WORKERS + "template.kind", "Pod"),
    "an unknown field of a pod": (WORKERS + "template.spec.tolerationz", []),
    "a misspelt field of a probe": (CONTAINER + "livenessProbe", {"exec": {"command": ["true"]}, "periodSecond": 5}),
    "an unknown field of a secret's key": (
        CLUSTER + "gcsFaultToleranceOptions.redisPassword.valueFrom.secretKeyRef.nam",
        "hark-ray",
    ),
    "an unknown field of the autoscaler's resources": (CLUSTER + "autoscalerOptions.resources.limit", {}),
    "an unknown field of the serve service": ("spec.serveService.spec.typ", "ClusterIP"),
    "a text for a count of replicas": (WORKERS + "minReplicas", "1"),
    "fewer than no replicas": (WORKERS + "minReplicas", -1),
    "a number for a parameter of ray start": (WORKERS + "rayStartParams.metrics-export-port", 8080),
    "a number for Ray's version": (CLUSTER + "rayVersion", 2.6),
    "a map for the Serve config": ("spec.serveConfigV2", {"applications": []}),
    "a text for a port": (CONTAINER + "ports.0.containerPort", "6379"),
    "a number for a variable": (CONTAINER + "env.0.value", 1),
    "an upgrade that there is not": ("spec.upgradeStrategy.type", "Rolling"),
    "an incremental upgrade without its options": (
        "spec.upgradeStrategy",
        {"type": "NewClusterWithIncrementalUpgrade"},
    ),
    "an older API": ("apiVersion", "ray.io/v1alpha1"),
    "an authentication that there is not": (CLUSTER + "authOptions.mode", "tokens"),
    "a service that there is not": (CLUSTER + "headGroupSpec.serviceType", "Headless"),
    "a mode of scaling that there is not": (CLUSTER + "autoscalerOptions.upscalingMode", "Fast"),
    "an autoscaler that there is not": (CLUSTER + "autoscalerOptions.version", "v3"),
    "a name that is no label": ("metadata.name", "1hark"),
    "no cluster": ("spec.rayClusterConfig", NOTHING),
    "no head": (CLUSTER + "headGroupSpec", NOTHING),
    "a head without a template": (CLUSTER + "headGroupSpec.template", NOTHING),
    "a template without a pod": (WORKERS + "template.spec", NOTHING),
    "a pod without any list of containers": (WORKERS + "template.spec.containers", NOTHING),
    "no address of Redis": (CLUSTER + "gcsFaultToleranceOptions.redisAddress", NOTHING),
    "a group without a name": (WORKERS + "groupName", NOTHING),
    "a group without a maximum": (WORKERS + "maxReplicas", NOTHING),
    "a group without a minimum": (WORKERS + "minReplicas", NOTHING),
    "a group without a template": (WORKERS + "template", NOTHING),
    "a pod without containers": (WORKERS + "template.spec.containers", []),
    "a container without a name": (CONTAINER + "name", NOTHING),
    "tokens of Kubernetes, which a RayService may not use": (CLUSTER + "authOptions.enableK8sTokenAuth", True),
    "an upgrade of the cluster, which is the service's": (CLUSTER + "upgradeStrategy", {"type": "Recreate"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_rayservice_is_found(fault: str) -> None:
    service = the("RayService")
    path, value = FAULTS[fault]
    _put(service, path, value)
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)) as found:
        check(service)
    name = path.rpartition(".")[2]
    assert name in found.value.message or name in map(str, found.value.absolute_path)


def _put(inside: Any, path: str, value: Any) -> None:
    """Set what is at a path of names and indices, or take it away."""
    *parts, last = path.split(".")
    for part in parts:
        inside = inside[int(part)] if isinstance(inside, list) else inside.setdefault(part, {})
    if value is NOTHING:
        del inside[last]
    else:
        inside[last] = value


@pytest.mark.parametrize("kind", ["Secret", "PersistentVolumeClaim", "PodDisruptionBudget"])
def test_a_misspelt_field_around_the_rayservice_is_found(kind: str) -> None:
    for document in (each for each in documents() if each["kind"] == kind):
        document["specs"] = {}
        with pytest.raises(kubernetes_validate.ValidationError, match="specs"):
            check(document)


def test_an_object_of_a_kind_that_is_not_known_is_found() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        check({"apiVersion": "v1", "kind": "Secrets", "metadata": {"name": "hark"}})


def test_amounts_have_units_that_kubernetes_reads() -> None:
    """The schemas take any text: `16GB` and `16 Gi` come to light when a pod is made."""
    amounts = [amount for document in documents() for amount in _amounts(document)]
    assert len(amounts) > 20
    assert not [amount for amount in amounts if not QUANTITY.fullmatch(str(amount))]


def _amounts(inside: Any) -> Iterator[Any]:
    for name, value in inside.items() if isinstance(inside, dict) else enumerate(inside):
        if name in {"limits", "requests"}:
            yield from value.values()
        elif name == "sizeLimit":
            yield value
        elif isinstance(value, dict | list):
            yield from _amounts(value)
