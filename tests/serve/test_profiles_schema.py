"""The profiles against Ray Serve itself: its schema takes them, and they name what the application binds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from ray.serve._private.build_app import build_app
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import (
    DeploymentSchema,
    HTTPOptionsSchema,
    LoggingConfig,
    RayActorOptionsSchema,
    ServeApplicationSchema,
    ServeDeploySchema,
)

from configs.load import app_settings, profile_names, read_profile
from serve_app.app import build


def deployed_names(config: dict[str, Any]) -> list[str]:
    return [deployment.name for deployment in ServeDeploySchema.model_validate(config).applications[0].deployments]


@pytest.mark.parametrize("name", profile_names())
def test_serve_accepts_the_profile(name: str) -> None:
    schema = ServeDeploySchema.model_validate(read_profile(name))

    assert schema.applications[0].import_path == "serve_app.app:build"


@pytest.mark.parametrize("name", profile_names())
def test_the_profile_names_every_deployment_that_the_application_binds(name: str) -> None:
    config = read_profile(name)
    built = build_app(build(app_settings(config)), name="hark")

    assert {deployment.name for deployment in built.deployments} == set(deployed_names(config))
    assert built.ingress_deployment_name == "ingress"


@pytest.mark.parametrize("name", profile_names())
def test_no_deployment_sets_numbers_in_code(name: str) -> None:
    """Serve's YAML overrides code; a number that stands in both would be changed in one."""
    built = build_app(build(app_settings(read_profile(name))), name="hark")
    numbers = set(DeploymentSchema.model_fields) - {"name"}

    for deployment in built.deployments:
        assert not deployment._deployment_config.user_configured_option_names & numbers, deployment.name


@pytest.mark.parametrize("name", profile_names())
def test_the_profile_has_no_key_that_serve_would_ignore(name: str) -> None:
    """Serve takes misspelt keys without a word and goes on with its defaults."""
    config = read_profile(name)
    assert set(config) <= set(ServeDeploySchema.model_fields)
    assert set(config["http_options"]) <= set(HTTPOptionsSchema.model_fields)
    assert set(config["logging_config"]) <= set(LoggingConfig.model_fields)
    for application in config["applications"]:
        assert set(application) <= set(ServeApplicationSchema.model_fields)
    for deployment in (each for application in config["applications"] for each in application["deployments"]):
        assert set(deployment) <= set(DeploymentSchema.model_fields)
        assert set(deployment["ray_actor_options"]) <= set(RayActorOptionsSchema.model_fields)
        scaling = deployment.get("autoscaling_config", {})
        assert set(scaling) <= set(AutoscalingConfig.model_fields)
        AutoscalingConfig.model_validate(scaling)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_ongoing_requests", 0),
        ("max_queued_requests", -2),
        ("ray_actor_options", {"num_gpus": -0.1}),
    ],
)
def test_a_value_that_cannot_be_is_refused(key: str, value: object) -> None:
    config = read_profile("gpu")
    deployment = next(d for d in config["applications"][0]["deployments"] if d["name"] == "diarizer")
    deployment[key] = value

    with pytest.raises(ValidationError):
        ServeDeploySchema.model_validate(config)


def test_scaling_to_zero_is_understood() -> None:
    schema = ServeDeploySchema.model_validate(read_profile("gpu"))
    scaling = {d.name: d.autoscaling_config for d in schema.applications[0].deployments}["recognizer-large-v3"]

    assert AutoscalingConfig.model_validate(scaling).min_replicas == 0
    assert AutoscalingConfig.model_validate(scaling).downscale_to_zero_delay_s == 1800
