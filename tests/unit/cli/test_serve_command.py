"""When `hark serve` gives up on a service that is starting."""

from __future__ import annotations

from typing import Any

import pytest

from serve_app.cli.applications import cannot_start


def application(status: str, **deployments: tuple[str, str]) -> dict[str, Any]:
    found = {name: {"status": s, "status_trigger": trigger} for name, (s, trigger) in deployments.items()}
    return {"status": status, "deployments": found}


@pytest.mark.parametrize("status", ["DEPLOY_FAILED", "UNHEALTHY"])
def test_a_replica_that_dies_while_others_start_is_waited_for(status: str) -> None:
    assert not cannot_start(application(status, media=(status, "HEALTH_CHECK_FAILED"), ingress=("UPDATING", "")))


def test_a_replica_that_cannot_be_made_is_not_waited_for() -> None:
    died, never_made = ("DEPLOY_FAILED", "HEALTH_CHECK_FAILED"), ("DEPLOY_FAILED", "REPLICA_STARTUP_FAILED")
    assert cannot_start(application("DEPLOY_FAILED", media=died, recognizer=never_made))


def test_an_application_that_cannot_be_built_is_not_waited_for() -> None:
    assert cannot_start(application("DEPLOY_FAILED"))


@pytest.mark.parametrize("status", ["DEPLOYING", "RUNNING", "NOT_STARTED"])
def test_an_application_on_its_way_has_not_failed(status: str) -> None:
    assert not cannot_start(application(status, media=("UPDATING", "CONFIG_UPDATE_STARTED")))
