"""Nothing is done any more for a client that has hung up."""

from __future__ import annotations

import time

from cluster import OwnService

MODELS = ("media", "voice-detector", "recognizer-base", "diarizer")
# Two seconds of two cores. CPU time, because other work on this machine stretches the time that passes.
ALLOWED_CPU_S = 4.0
SAMPLE_S = 0.5
QUIET_CPU_S = 0.15  # of all model replicas together in one sample; at work they use all there is
PATIENCE_S = 60.0


def test_model_work_stops_within_two_seconds_of_a_hang_up(service: OwnService, meeting: bytes) -> None:
    with service.events(meeting) as events:
        next(data for name, data in events if name == "segment")
        assert cpu_s_in_a_sample(service) > QUIET_CPU_S, "the models were not at work"
    assert cpu_s_until_quiet(service) < ALLOWED_CPU_S


def test_model_work_stops_when_the_client_of_a_plain_request_hangs_up(service: OwnService, meeting: bytes) -> None:
    service.begin_and_hang_up(meeting, once=lambda: cpu_s_in_a_sample(service) > QUIET_CPU_S)
    assert cpu_s_until_quiet(service) < ALLOWED_CPU_S


def cpu_s_until_quiet(service: OwnService) -> float:
    """Return the CPU seconds that the model replicas use until they rest."""
    used_s = 0.0
    deadline_s = time.monotonic() + PATIENCE_S
    while (sample_s := cpu_s_in_a_sample(service)) > QUIET_CPU_S:
        used_s += sample_s
        assert time.monotonic() < deadline_s, "the models go on working"
    return used_s


def cpu_s_in_a_sample(service: OwnService) -> float:
    replicas = [replica for deployment in MODELS for replica in service.replicas(deployment)]
    before_s = sum(sum(replica.cpu_times()[:2]) for replica in replicas)
    time.sleep(SAMPLE_S)
    return sum(sum(replica.cpu_times()[:2]) for replica in replicas) - before_s
