"""What belongs to the end of a job besides its new state, in the same transaction."""

from __future__ import annotations

import logging

from serve_app.errors import Conflict, NotFound
from serve_app.jobs.model import Job
from serve_app.jobs.ports import JobTransaction
from serve_app.jobs.views import job_event

log = logging.getLogger("hark.jobs")

TOLD = frozenset({"completed", "failed"})  # clients hear of these; a cancellation is their own doing


async def save_ended(stores: JobTransaction, job: Job) -> None:
    """Write a job that has ended: credits that were not captured come back, and its webhook is told."""
    if job.status != "completed" and job.reservation_id is not None:
        try:
            await stores.ledger.release(job.reservation_id)
        except (Conflict, NotFound):  # captured before, which a job that has not completed cannot have done
            log.error("reservation_not_released job_id=%s", job.id)
    await stores.jobs.save(job)
    await stores.jobs.drop_checkpoints(job.id)
    if job.status in TOLD and job.webhook_url is not None:
        await stores.jobs.add_event(job, job_event(job))
