"""Jobs as clients see them: JSON of the jobs dialect and of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from serve_app.jobs.model import Job


def job_view(job: Job) -> dict[str, Any]:
    """Return the JSON of `GET /v1/jobs/{job_id}`. Errors of attempts that others may still make good are not told."""
    error = job.error if job.status == "failed" else None
    return {
        "job_id": job.id,
        "kind": job.kind,
        "status": job.status,
        "progress": round(job.progress, 4),
        "stage": job.stage,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "attempts": job.attempts,
        "error": error.message if error else None,
        "error_code": error.code if error else None,
        "credits_reserved": job.credits_reserved,
        "credits_charged": job.credits_charged,
    }


def slot_view(job: Job, *, upload_url: str, headers: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Return the JSON of a new upload slot."""
    left_s = (job.slot_expires_at - now).total_seconds() if job.slot_expires_at else 0
    return {
        "job_id": job.id,
        "status": job.status,
        "upload_url": upload_url,
        "upload_method": "PUT",
        "headers": dict(headers),
        "expires_in": max(0, int(left_s)),
    }


def start_view(job: Job) -> dict[str, Any]:
    """Return the JSON of a start, the first or a repeated one."""
    return {"job_id": job.id, "status": job.status, "credits_reserved": job.credits_reserved}


def job_event(job: Job) -> dict[str, Any]:
    """Return what a webhook is told when a job has ended.

    The id is the same each time the event is sent, so that a receiver can tell a repetition.
    """
    return {
        "id": f"evt_{job.id}_{job.status}_{job.attempts}",
        "type": f"job.{job.status}",
        "created_at": iso(job.finished_at),
        "data": job_view(job),
    }


def iso(time: datetime | None) -> str | None:
    """Return a time as ISO-8601 in UTC, to the millisecond; raises ValueError for one without a zone."""
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError("times carry their zone")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
