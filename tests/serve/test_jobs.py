"""Jobs on the running service: the walk of the contract, and what they survive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from cluster import OwnService, repeated_meeting
from tenants import Tenant, paying_tenant, settings_of

from configs.storage import embedded_server


@pytest.fixture
def tenant(service: OwnService) -> Iterator[Tenant]:
    with paying_tenant(service) as tenant:
        yield tenant


@pytest.fixture(scope="session")
def recording() -> bytes:
    """82 seconds of a meeting: two credits."""
    return repeated_meeting(1)


@pytest.fixture(scope="session")
def expected(service: OwnService, recording: bytes) -> dict[str, Any]:
    """What the same recording gives when it is sent with a request."""
    return service.transcript(recording)


def test_a_job_gives_the_transcript_of_a_request_and_is_charged_once(
    tenant: Tenant, recording: bytes, expected: dict[str, Any]
) -> None:
    job_id = tenant.begin(recording)
    seen = tenant.wait(job_id, lambda job: 0 < job["progress"] < 1)
    assert (seen["status"], seen["credits_reserved"]) == ("processing", 2)
    assert tenant.finished(job_id) == expected
    assert (tenant.job(job_id)["attempts"], tenant.job(job_id)["credits_charged"]) == (1, 2)
    assert tenant.ledger() == {"grant": 1, "reserve": 1, "capture": 1}
    for text_format, start in (("txt", ""), ("srt", "1\n"), ("vtt", "WEBVTT")):
        answer = tenant.http.get(f"/v1/stt/jobs/{job_id}/transcript", params={"format": text_format})
        assert answer.status_code == 200
        assert answer.text.startswith(start)


@pytest.mark.parametrize("deployment", ["job-worker", "ingress", "recognizer-base", "media"])
def test_a_job_survives_the_death_of_a_replica(
    tenant: Tenant, recording: bytes, expected: dict[str, Any], deployment: str
) -> None:
    victims = tenant.service.replicas(deployment)
    assert victims
    job_id = tenant.begin(recording)
    tenant.wait(job_id, lambda job: job["progress"] > 0.2)
    for victim in victims:
        victim.kill()
    assert tenant.finished(job_id) == expected
    assert tenant.job(job_id)["attempts"] == (2 if deployment == "job-worker" else 1)
    tenant.service.wait_until_ready({})
    assert tenant.ledger() == {"grant": 1, "reserve": 1, "capture": 1}
    assert tenant.balance() == 98


def test_a_job_survives_the_death_of_the_database(tenant: Tenant, recording: bytes, expected: dict[str, Any]) -> None:
    job_id = tenant.begin(recording)
    tenant.wait(job_id, lambda job: job["progress"] > 0.2)
    postmaster = embedded_server(settings_of(tenant.service).data_path()).pid()
    assert postmaster is not None
    psutil.Process(postmaster).kill()
    assert tenant.finished(job_id) == expected
    assert tenant.ledger() == {"grant": 1, "reserve": 1, "capture": 1}


def test_a_cancelled_job_stops_and_costs_nothing(tenant: Tenant, recording: bytes) -> None:
    job_id = tenant.begin(recording)
    tenant.wait(job_id, lambda job: job["progress"] > 0.1)
    assert tenant.http.delete(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"
    assert tenant.balance() == 100
    other = tenant.begin(recording)
    tenant.wait(other, lambda job: job["status"] == "completed")
    assert (tenant.job(job_id)["status"], tenant.balance()) == ("cancelled", 98)
