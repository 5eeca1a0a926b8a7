import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from serve_app.jobs.model import Job, JobError
from serve_app.jobs.views import iso, job_event, job_view, slot_view, start_view

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


def job(**fields) -> Job:
    return Job(**{"id": "j1", "account_id": "a1", "kind": "stt", "status": "processing", "created_at": NOW} | fields)


def test_a_job_has_the_fields_of_the_contract():
    running = job(stage="recognizing", progress=1 / 3, attempts=1, started_at=NOW, credits_reserved=3)
    assert json.loads(json.dumps(job_view(running))) == {
        "job_id": "j1",
        "kind": "stt",
        "status": "processing",
        "progress": 0.3333,
        "stage": "recognizing",
        "created_at": "2026-01-02T03:04:05.678Z",
        "started_at": "2026-01-02T03:04:05.678Z",
        "finished_at": None,
        "attempts": 1,
        "error": None,
        "error_code": None,
        "credits_reserved": 3,
        "credits_charged": 0,
    }


def test_only_a_failed_job_tells_its_error():
    error = JobError(code="CORRUPT_MEDIA", message="The file is damaged.")
    assert job_view(job(status="queued", error=error))["error"] is None
    view = job_view(job(status="failed", error=error))
    assert (view["error"], view["error_code"]) == ("The file is damaged.", "CORRUPT_MEDIA")


def test_nothing_of_the_inside_is_told():
    secret = job(upload_key="k-upload", result_key="k-result", reservation_id="k-res", webhook_url="https://k-hook")
    assert "k-" not in json.dumps([job_view(secret), job_event(secret), start_view(secret)])


def test_a_slot_tells_how_to_upload_and_how_long():
    waiting = job(status="waiting_upload", slot_expires_at=NOW + timedelta(seconds=900.5))
    view = slot_view(waiting, upload_url="https://x/put", headers={"Content-Type": "audio/wav"}, now=NOW)
    assert view == {
        "job_id": "j1",
        "status": "waiting_upload",
        "upload_url": "https://x/put",
        "upload_method": "PUT",
        "headers": {"Content-Type": "audio/wav"},
        "expires_in": 900,
    }


def test_a_start_tells_what_was_reserved():
    assert start_view(job(status="queued", credits_reserved=7)) == {
        "job_id": "j1",
        "status": "queued",
        "credits_reserved": 7,
    }


def test_an_event_sent_again_has_the_same_id_and_a_job_run_again_another():
    done = job(status="completed", attempts=1, finished_at=NOW)
    event = job_event(done)
    assert event["id"] == job_event(done)["id"]
    assert (event["type"], event["created_at"]) == ("job.completed", "2026-01-02T03:04:05.678Z")
    assert event["data"] == job_view(done)
    assert event["id"] != job_event(job(status="completed", attempts=2, finished_at=NOW))["id"]


def test_times_are_utc():
    assert iso(NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "2026-01-02T03:04:05.678Z"
    with pytest.raises(ValueError, match="zone"):
        iso(NOW.replace(tzinfo=None))
