"""One service for all tests of this folder. They scale it and kill its replicas, so it is always their own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cluster import OwnService, raylet_behind, repeated_meeting, set_replicas

from configs.load import read_profile
from serve_app.cli.service import started_service

RECOGNIZER = "recognizer-base"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnService]:
    profile = tmp_path_factory.mktemp("profile") / "profile.yaml"
    config = read_profile("embedded")
    set_replicas(config, RECOGNIZER, 2)
    set_replicas(config, "diarizer", 2)
    profile.write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        # HAProxy's own ports are fixed; another service on this machine may have them.
        for variable in ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT"):
            environment.setenv(variable, str(free_port()))
        with started_service((sys.executable, "-m", "serve_app.cli", "serve", "--profile", str(profile))) as url:
            yield OwnService(url=url, profile=profile, raylet=raylet_behind(url))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def meeting() -> bytes:
    """Five minutes of a meeting: several lanes for the recognizers and several stretches for the diarizers."""
    return repeated_meeting(3)


@pytest.fixture(scope="session")
def undisturbed(service: OwnService, meeting: bytes) -> dict[str, Any]:
    """The meeting's transcript when nothing happens to it."""
    transcript = service.transcript(meeting)
    assert len(transcript["segments"]) > 20
    assert len(transcript["speakers"]) > 1
    return transcript
