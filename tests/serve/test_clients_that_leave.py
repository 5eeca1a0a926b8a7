"""Nothing is done any more for a client that has hung up."""

from __future__ import annotations

import time

from cluster import OwnService

MODELS = ("media", "voice-detector", "recognizer-base", "diarizer")
STOPPED_WITHIN_S = 2.0
WATCHED_S = 2.0
IDLE_CPU_S = 0.2  # of all model replicas together while they are watched; at work they use two cores


def test_model_work_stops_within_two_seconds_of_a_hang_up(service: OwnService, meeting: bytes) -> None:
    with service.events(meeting) as events:
        next(data for name, data in events if name == "segment")
        assert cpu_s_during(service, WATCHED_S / 2) > 2 * IDLE_CPU_S, "the models were not at work"
    time.sleep(STOPPED_WITHIN_S)
    assert cpu_s_during(service, WATCHED_S) < IDLE_CPU_S


def cpu_s_during(service: OwnService, seconds: float) -> float:
    """Return the CPU seconds that the model replicas use from now on."""
    replicas = [replica for deployment in MODELS for replica in service.replicas(deployment)]
    before_s = sum(sum(replica.cpu_times()[:2]) for replica in replicas)
    time.sleep(seconds)
    return sum(sum(replica.cpu_times()[:2]) for replica in replicas) - before_s
