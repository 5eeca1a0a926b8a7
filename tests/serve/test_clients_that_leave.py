"""Nothing is done any more for a client that has hung up."""

from __future__ import annotations

import time

import httpx
import psutil
import pytest
from cluster import OwnService, repeated_meeting

MODELS = ("media", "voice-detector", "recognizer-base", "diarizer")
GIVEN_UP_AFTER_S = 4.0  # far less than the meeting takes
STOPPED_WITHIN_S = 5.0  # a batch of two full windows ends first: 3.4 s on a slow core
WATCHED_S = 2.0
IDLE_CPU_S = 0.6  # of all model replicas together while they are watched: Ray itself takes half of it on a slow core
AT_WORK_CPU_S = 1.0  # at work they use two cores


@pytest.fixture(scope="module")
def meeting() -> bytes:
    """Fourteen minutes: a fast machine, too, would be at work on them for long after it is watched."""
    return repeated_meeting(10)


def test_model_work_stops_soon_after_a_hang_up(service: OwnService, meeting: bytes) -> None:
    models = service.replicas(*MODELS)
    with service.events(meeting) as events:
        next(data for name, data in events if name == "segment")
        wait_until_at_work(models)
    time.sleep(STOPPED_WITHIN_S)
    assert cpu_s_during(WATCHED_S, models) < IDLE_CPU_S


@pytest.mark.parametrize("route", ["/v1/transcribe", "/v1/audio/transcriptions"])
def test_model_work_stops_when_a_plain_request_is_given_up(service: OwnService, meeting: bytes, route: str) -> None:
    models = service.replicas(*MODELS)
    before_s = cpu_s(models)
    with pytest.raises(httpx.ReadTimeout):  # and with it the connection is closed
        httpx.post(
            f"{service.url}{route}",
            files={"file": ("meeting", meeting)},
            data={"language": "en", "model": "base"},
            timeout=httpx.Timeout(60, read=GIVEN_UP_AFTER_S),
            trust_env=False,
        )
    assert cpu_s(models) - before_s > AT_WORK_CPU_S, "the models were not at work"
    time.sleep(STOPPED_WITHIN_S)
    assert cpu_s_during(WATCHED_S, models) < IDLE_CPU_S


def wait_until_at_work(models: list[psutil.Process]) -> None:
    before_s, deadline_s = cpu_s(models), time.monotonic() + 60
    while cpu_s(models) - before_s < AT_WORK_CPU_S:
        assert time.monotonic() < deadline_s, "the models did nothing"
        time.sleep(0.1)


def cpu_s_during(seconds: float, models: list[psutil.Process]) -> float:
    """Return the CPU seconds that the models use from now on."""
    before_s = cpu_s(models)
    time.sleep(seconds)
    return cpu_s(models) - before_s


def cpu_s(models: list[psutil.Process]) -> float:
    return sum(sum(model.cpu_times()[:2]) for model in models)
