"""A load step: replicas come while audio waits, go when it is done, down to none where that is configured, and
nobody is refused or gets a different transcript on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import OwnService, repeated_meeting
from own_directory import own_profile, running

RECOGNIZER = "recognizer-base"
CALLERS = 6
PACE = {"metrics_interval_s": 0.5, "look_back_period_s": 2, "upscale_delay_s": 1, "downscale_delay_s": 4}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def scaled_service() -> Iterator[OwnService]:
    with own_profile() as profile:
        set_scaling(profile, min_replicas=1, max_replicas=2)
        with running(profile) as service:
            yield service


@pytest.fixture(scope="module")
def meeting() -> bytes:
    """The first 25 seconds of a meeting."""
    return repeated_meeting(0.3)


def set_scaling(profile: Path, **bounds: float) -> None:
    """Let the recognizers of a profile be scaled within seconds."""
    config: dict[str, Any] = yaml.safe_load(profile.read_text(encoding="utf-8"))
    deployment = next(d for d in config["applications"][0]["deployments"] if d["name"] == RECOGNIZER)
    deployment.pop("num_replicas", None)
    deployment["autoscaling_config"] = {
        **PACE,
        **bounds,
        "policy": {
            "policy_function": "deployments.scaling:AudioBacklogPolicy",
            "policy_kwargs": {"wait_s": 5, "busy_share": 0.85},
        },
    }
    profile.write_text(yaml.safe_dump(config), encoding="utf-8")


def test_replicas_come_with_the_load_and_go_with_it(scaled_service: OwnService, meeting: bytes) -> None:
    scaled_service.wait_until_ready({RECOGNIZER: 1})
    alone = scaled_service.transcript(meeting, diarize="false")
    grown = threading.Event()

    def call_until_grown() -> list[dict[str, Any]]:
        heard = [scaled_service.transcript(meeting, diarize="false")]
        while not grown.is_set():
            heard.append(scaled_service.transcript(meeting, diarize="false"))
        return heard

    with ThreadPoolExecutor(CALLERS) as callers:
        calls = [callers.submit(call_until_grown) for _ in range(CALLERS)]
        try:
            scaled_service.wait_until_ready({RECOGNIZER: 2})
        finally:
            grown.set()
        transcripts = [transcript for call in calls for transcript in call.result()]

    assert len(transcripts) >= CALLERS
    assert all(transcript == alone for transcript in transcripts)
    scaled_service.wait_until_ready({RECOGNIZER: 1})
    assert scaled_service.transcript(meeting, diarize="false") == alone


def test_a_model_that_may_sleep_does_and_is_woken_by_a_request(scaled_service: OwnService, meeting: bytes) -> None:
    alone = scaled_service.transcript(meeting, diarize="false")
    set_scaling(scaled_service.profile, min_replicas=0, max_replicas=2, downscale_to_zero_delay_s=2)
    scaled_service.redeploy()
    scaled_service.wait_until_ready({RECOGNIZER: 0})

    assert scaled_service.transcript(meeting, diarize="false") == alone
