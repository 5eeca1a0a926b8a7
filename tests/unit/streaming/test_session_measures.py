"""Live sessions as measurements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memory_meter import MemoryMeter
from memory_stores import MemoryStores
from starlette.testclient import TestClient

from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.api.services import ApiSettings, CallerServices
from serve_app.api.streaming.app import SocketApp
from serve_app.api.streaming.services import SocketSettings, StreamServices
from serve_app.ports import metrics

Build = Callable[[int], SocketApp]


class Clock:
    """A second goes by with every look."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1
        return self.now_s


@pytest.fixture
def meter() -> MemoryMeter:
    return MemoryMeter()


@pytest.fixture
def build(tmp_path: Path, meter: MemoryMeter) -> Build:
    def nobody(*_: Any) -> Any:
        raise AssertionError("nobody speaks")

    def build(max_sessions: int) -> SocketApp:
        shared = CallerServices(
            stores=MemoryStores(lambda: 0.0),
            catalogue=ModelCatalogue(models=(ModelEntry(id="base", name="Base"),), substitute="base"),
            settings=ApiSettings(spool_dir=tmp_path, open_to="everybody"),
            meter=meter,
            clock=Clock(),
        )
        services = StreamServices(
            shared=shared,
            recognizers={},
            open_listener=nobody,
            open_enhancer=nobody,
            voices=None,
            settings=SocketSettings(max_sessions=max_sessions),
        )
        return SocketApp(services, route="platform")

    return build


def test_a_session_counts_while_it_is_open_and_its_seconds_when_it_ends(build: Build, meter: MemoryMeter) -> None:
    with TestClient(build(2)).websocket_connect("/") as socket:
        assert meter.total(metrics.SESSIONS_OPEN, route="platform") == 1
        socket.send_json({"action": "nonsense"})
    assert meter.total(metrics.SESSIONS_OPEN, route="platform") == 0
    assert meter.total(metrics.SESSIONS, route="platform", outcome="taken") == 1
    assert meter.total(metrics.SESSION_SECONDS, route="platform") > 0


def test_a_session_for_which_there_is_no_room_counts_as_refused(build: Build, meter: MemoryMeter) -> None:
    app = build(1)
    with TestClient(app).websocket_connect("/"), TestClient(app).websocket_connect("/") as second:
        assert second.receive_json()["error_code"] == "STT_UPSTREAM_RATE_LIMIT"
    assert meter.total(metrics.SESSIONS, route="platform", outcome="refused") == 1
    assert meter.total(metrics.SESSIONS, route="platform", outcome="taken") == 1
