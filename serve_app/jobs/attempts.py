"""What is one worker's only while its attempt lasts: the job's lock, and the word on how far it has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from serve_app.errors import DatabaseUnavailable
from serve_app.jobs.model import Job
from serve_app.jobs.ports import JobStore, JobTransaction
from serve_app.pipeline.fan_out import cancelling_group

log = logging.getLogger("hark.jobs")

FIRST_STAGE = "fetching"


class Superseded(Exception):
    """The attempt is over: somebody else runs the job now, or it has ended."""


@dataclass(slots=True, kw_only=True)
class AttemptProgress:
    """How far the work has come."""

    stage: str = FIRST_STAGE
    done: float = 0.0


async def locked(stores: JobTransaction, job: Job) -> Job:
    """Lock a job for a change by the attempt that was given `job`; raises Superseded when that is over."""
    current = await stores.jobs.lock(job.id)
    if current.status != "processing" or current.attempts != job.attempts:
        raise Superseded
    return current


@asynccontextmanager
async def attempt_reported(
    jobs: JobStore, job: Job, progress: AttemptProgress, *, every_s: float
) -> AsyncIterator[None]:
    """Write progress while the block runs, and stop it with Superseded when the attempt is over."""
    async with cancelling_group() as group:
        reporting = group.create_task(_report(jobs, job, progress, every_s))
        yield
        reporting.cancel()


async def _report(jobs: JobStore, job: Job, progress: AttemptProgress, every_s: float) -> None:
    while True:
        try:
            mine = await jobs.advance(job.id, attempt=job.attempts, stage=progress.stage, progress=progress.done)
            if not mine:
                raise Superseded
        except DatabaseUnavailable:
            log.warning("progress_not_written job_id=%s", job.id)
        await asyncio.sleep(every_s)
