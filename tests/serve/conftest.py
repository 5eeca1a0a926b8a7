"""One service for all tests of this folder. They scale it and kill its replicas, so it is always their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cluster import OwnService, drop_sockets, raylet_behind, repeated_meeting

from benchmarks.common.own_service import fix_replicas
from configs.load import read_profile
from serve_app.cli.service import started_service

RECOGNIZER = "recognizer-base"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a service of their own come first: the shared one, which stays, would take their time."""
    items.sort(key=lambda item: "service" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnService]:
    profile = tmp_path_factory.mktemp("profile") / "profile.yaml"
    config = read_profile("embedded")
    fix_replicas(config, RECOGNIZER, 2)
    fix_replicas(config, "diarizer", 2)
    drop_sockets(config)
    profile.write_text(yaml.safe_dump(config), encoding="utf-8")
    with started_service((sys.executable, "-m", "serve_app.cli", "serve", "--profile", str(profile))) as url:
        yield OwnService(url=url, profile=profile, raylet=raylet_behind(url))


@pytest.fixture(scope="session")
def meeting() -> bytes:
    """Two minutes of a meeting: several lanes for the recognizers and several stretches for the diarizers."""
    return repeated_meeting(1.5)


@pytest.fixture(scope="session")
def undisturbed(service: OwnService, meeting: bytes) -> dict[str, Any]:
    """The meeting's transcript when nothing happens to it."""
    transcript = service.transcript(meeting)
    assert len(transcript["segments"]) > 20
    assert len(transcript["speakers"]) > 1
    return transcript
