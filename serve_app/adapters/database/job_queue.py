"""The queue beneath the jobs: Procrastinate's tables, in which jobs stand in fair order (serve_app.jobs.fairness)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta

from serve_app.adapters.database.sql import Sql, as_id
from serve_app.jobs.fairness import Place, placed
from serve_app.jobs.model import Job

QUEUE = "jobs"
TASK = "hark.run"

DEFER = """
SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[ROW(
    :queue, :task, :priority, :id, :id, CAST(:args AS jsonb), NULL::timestamptz
)]::procrastinate_job_to_defer_v1[]))
"""

# What the queue says of its workers is not enough: it may take one for dead that has only lost its connection, and an
# attempt that is over deletes the row of its successor when it ends. An attempt whose job hears of it is alive.
# Locked rows are somebody's business right now; the next sweep sees what became of them.
WAKE_STALLED = """
SELECT procrastinate_retry_job_v2(stalled.id, clock_timestamp(), NULL, NULL, NULL) FROM (
    SELECT q.id FROM procrastinate_jobs q
    WHERE q.task_name = :task AND q.status = 'doing'
    AND NOT EXISTS (
        SELECT FROM procrastinate_workers w
        WHERE w.id = q.worker_id AND w.last_heartbeat >= clock_timestamp() - CAST(:silent AS interval)
    )
    AND NOT EXISTS (
        SELECT FROM jobs j WHERE j.id = CAST(q.lock AS uuid) AND j.status = 'processing'
        AND j.alive_at >= clock_timestamp() - CAST(:silent AS interval)
    )
    AND NOT EXISTS (
        SELECT FROM procrastinate_jobs t WHERE t.queueing_lock = q.queueing_lock AND t.status = 'todo'
    )
    FOR UPDATE SKIP LOCKED
) stalled
"""

LOST = """
SELECT j.id, j.fair_start FROM jobs j
WHERE (
    j.status = 'queued'
    OR (j.status = 'processing' AND j.alive_at < clock_timestamp() - CAST(:silent AS interval))
)
AND NOT EXISTS (
    SELECT FROM procrastinate_jobs q WHERE q.id = j.queue_id AND q.status IN ('todo', 'doing')
)
FOR UPDATE OF j SKIP LOCKED
"""


class SqlQueue:
    """Puts jobs into the queue and takes them out again. All of it inside the caller's transaction."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def enqueue(self, job: Job) -> None:
        """Put a job at its place; longer waiting ones of its account may move back for it."""
        if job.attempts:  # it was in the line before and keeps its place
            start = await self._sql.value("SELECT fair_start FROM jobs WHERE id = :id", id=as_id(job.id))
            await self._defer(job.id, priority=-(start or 0))
            return
        await self._sql.run(
            "SELECT pg_advisory_xact_lock(hashtextextended('line:' || CAST(:account AS text), 0))",
            account=job.account_id,
        )
        waiting = await self._waiting(job)
        new = _place(job.id, job.audio_s, (job.queued_at or job.created_at).timestamp())
        line = placed(
            new,
            waiting=waiting,
            virtual_time=await self._highest("SELECT max(fair_start) FROM jobs WHERE attempts > 0"),
            used_until=await self._highest(
                "SELECT max(fair_end) FROM jobs WHERE account_id = :account AND attempts > 0",
                account=as_id(job.account_id),
            ),
        )
        stood = {place.job_id: place.start for place in waiting}
        await self._save_places([place for place in line if stood.get(place.job_id) != place.start])
        await self._defer(job.id, priority=next(place.priority for place in line if place.job_id == job.id))

    async def dequeue(self, job_id: str) -> None:
        """Cancel a waiting row; tell the worker of a running one."""
        await self._sql.run(
            "SELECT procrastinate_cancel_job_v1(queue_id, true, false) FROM jobs "
            "WHERE id = :id AND queue_id IS NOT NULL",
            id=as_id(job_id),
        )

    async def wake_stalled(self, *, silent_s: float) -> int:
        woken = await self._sql.rows(WAKE_STALLED, task=TASK, silent=timedelta(seconds=silent_s))
        return len(woken)

    async def enqueue_lost(self, *, silent_s: float) -> int:
        lost = await self._sql.rows(LOST, silent=timedelta(seconds=silent_s))
        for row in lost:
            await self._defer(str(row["id"]), priority=-(row["fair_start"] or 0))
        return len(lost)

    async def forget_ended(self) -> int:
        return await self._sql.run(
            "DELETE FROM procrastinate_jobs WHERE task_name = :task "
            "AND status IN ('succeeded', 'failed', 'cancelled', 'aborted')",
            task=TASK,
        )

    async def _waiting(self, job: Job) -> list[Place]:
        rows = await self._sql.rows(
            "SELECT id, audio_s, queued_at, fair_start FROM jobs WHERE account_id = :account AND id <> :id "
            "AND status = 'queued' AND attempts = 0 AND fair_start IS NOT NULL",
            account=as_id(job.account_id),
            id=as_id(job.id),
        )
        return [
            _place(str(row["id"]), row["audio_s"], row["queued_at"].timestamp(), start=row["fair_start"])
            for row in rows
        ]

    async def _highest(self, statement: str, **values: uuid.UUID | None) -> int:
        return int(await self._sql.value(statement, **values) or 0)

    async def _save_places(self, places: Sequence[Place]) -> None:
        await self._sql.run(
            "WITH moved AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:starts AS integer[]), "
            "CAST(:ends AS integer[])) AS m (id, fair_start, fair_end)), "
            "saved AS (UPDATE jobs j SET fair_start = m.fair_start, fair_end = m.fair_end FROM moved m "
            "WHERE j.id = m.id RETURNING j.queue_id, m.fair_start) "
            "UPDATE procrastinate_jobs q SET priority = -s.fair_start FROM saved s "
            "WHERE q.id = s.queue_id AND q.status = 'todo'",
            ids=[place.job_id for place in places],
            starts=[place.start for place in places],
            ends=[place.end for place in places],
        )

    async def _defer(self, job_id: str, *, priority: int) -> None:
        # A row that a dead worker left may be waiting there still: there cannot be a second one.
        queue_id = await self._sql.value(
            "UPDATE procrastinate_jobs SET priority = :priority WHERE queueing_lock = :id AND status = 'todo' "
            "RETURNING id",
            priority=priority,
            id=job_id,
        ) or await self._sql.value(
            DEFER, queue=QUEUE, task=TASK, priority=priority, id=job_id, args=json.dumps({"job_id": job_id})
        )
        await self._sql.run("UPDATE jobs SET queue_id = :queue_id WHERE id = :id", queue_id=queue_id, id=as_id(job_id))


def _place(job_id: str, audio_s: float | None, submitted_s: float, *, start: int = 0) -> Place:
    return Place(job_id=job_id, audio_s=audio_s or 0.0, submitted_s=submitted_s, start=start)
