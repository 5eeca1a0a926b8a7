"""Jobs as rows, with their checkpoints and the events that clients are to hear of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from serve_app.adapters.database.job_queue import SqlQueue
from serve_app.adapters.database.sql import as_id, fields_of, new_id
from serve_app.errors import NotFound
from serve_app.jobs.model import MAX_ATTEMPTS, Job, JobError, JobKind, JobStatus
from serve_app.jobs.ports import Delivery

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

_NAMES = (
    "id", "account_id", "kind", "status", "created_at", "stage", "progress", "attempts", "attempts_allowed", "params",
    "params_fingerprint", "audio_s", "upload_key", "result_key", "content_type", "webhook_url", "slot_expires_at",
    "queued_at", "started_at", "finished_at", "error_code", "error_message", "reservation_id", "credits_reserved",
    "credits_charged",
)  # fmt: skip
_FIXED = ("id", "account_id", "kind", "created_at")
COLUMNS = ", ".join(_NAMES)
_INSERT = f"INSERT INTO jobs ({COLUMNS}) VALUES ({', '.join(f':{name}' for name in _NAMES)})"  # noqa: S608 - our names
_SET = ", ".join(f"{name} = :{name}" for name in _NAMES if name not in _FIXED)
_SAVE = f"UPDATE jobs SET {_SET} WHERE id = :id AND account_id = :account_id"  # noqa: S608 - our names
_MINE = "id = :id AND status = 'processing' AND attempts = :attempt"

# The row is locked by its update, so that an attempt which is over cannot add to what its successor works with.
_SAVE_CHECKPOINT = f"""
WITH mine AS (
    UPDATE jobs SET attempts_allowed = greatest(attempts_allowed, attempts - 1 + :more) WHERE {_MINE} RETURNING id
)
INSERT INTO job_checkpoints (job_id, key, content) SELECT id, :key, :content FROM mine
ON CONFLICT (job_id, key) DO UPDATE SET content = excluded.content
"""  # noqa: S608 - our names

_DUE_EVENTS = """
UPDATE job_events e SET attempts = e.attempts + 1, due_at = clock_timestamp() + :lease
FROM jobs j WHERE j.id = e.job_id AND e.id IN (
    SELECT id FROM job_events WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
)
RETURNING e.id, j.account_id, e.url, e.event, e.attempts AS attempt
"""


class SqlJobs(SqlQueue):
    """The JobStore."""

    async def add(self, job: Job) -> None:
        await self._sql.run(_INSERT, **_row(job))

    async def get(self, job_id: str, *, account_id: str | None = None) -> Job:
        return await self._found(job_id, account_id)

    async def lock(self, job_id: str, *, account_id: str | None = None) -> Job:
        return await self._found(job_id, account_id, "FOR UPDATE")

    async def save(self, job: Job) -> None:
        await self._sql.run(_SAVE, **_row(job))

    async def page(
        self,
        account_id: str | None,
        *,
        kind: JobKind | None = None,
        status: JobStatus | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> list[Job]:
        asked = {"account_id": as_id(account_id) if account_id else None, "kind": kind, "status": status}
        values: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        conditions = [f"{name} = :{name}" for name in values]
        if before is not None:
            conditions.append("id < :before")
            values["before"] = as_id(before)
        rows = await self._sql.rows(
            f"SELECT {COLUMNS} FROM jobs WHERE {' AND '.join(conditions) or 'true'} "  # noqa: S608 - our names
            "ORDER BY id DESC LIMIT :limit",
            **values,
            limit=limit,
        )
        return [_job(row) for row in rows]

    async def count_open(self, account_id: str) -> int:
        found = await self._sql.value(
            "SELECT count(*) FROM jobs WHERE account_id = :account "
            "AND status IN ('waiting_upload', 'queued', 'processing')",
            account=as_id(account_id),
        )
        return int(found)

    async def advance(self, job_id: str, *, attempt: int, stage: str, progress: float) -> bool:
        touched = await self._sql.run(
            "UPDATE jobs SET stage = :stage, progress = greatest(progress, :progress), "  # noqa: S608 - our names
            f"alive_at = clock_timestamp() WHERE {_MINE}",
            id=as_id(job_id),
            attempt=attempt,
            stage=stage,
            progress=min(max(progress, 0.0), 1.0),
        )
        return touched == 1

    async def is_alive(self, job_id: str, *, silent_s: float) -> bool:
        found = await self._sql.value(
            "SELECT status = 'processing' AND alive_at >= clock_timestamp() - :silent FROM jobs WHERE id = :id",
            id=as_id(job_id),
            silent=timedelta(seconds=silent_s),
        )
        return bool(found)

    async def add_event(self, job: Job, event: Mapping[str, Any]) -> None:
        await self._sql.run(
            "INSERT INTO job_events (id, name, job_id, url, event, due_at) VALUES "
            "(:id, :name, :job_id, :url, CAST(:event AS json), clock_timestamp()) ON CONFLICT (name) DO NOTHING",
            id=new_id(),
            name=event["id"],
            job_id=as_id(job.id),
            url=job.webhook_url,
            event=json.dumps(dict(event)),
        )

    async def due_events(self, *, limit: int, lease_s: float) -> list[Delivery]:
        rows = await self._sql.rows(_DUE_EVENTS, limit=limit, lease=timedelta(seconds=lease_s))
        return [Delivery(**fields_of(row)) for row in rows]

    async def settle_event(self, delivery_id: str, *, outcome: str, again_after_s: float | None) -> None:
        await self._sql.run(
            "UPDATE job_events SET outcome = :outcome, due_at = clock_timestamp() + CAST(:after AS interval) "
            "WHERE id = :id",
            id=as_id(delivery_id),
            outcome=outcome[:500],
            after=None if again_after_s is None else timedelta(seconds=again_after_s),
        )

    async def checkpoint_keys(self, job_id: str) -> set[str]:
        rows = await self._sql.rows("SELECT key FROM job_checkpoints WHERE job_id = :id", id=as_id(job_id))
        return {row["key"] for row in rows}

    async def load_checkpoint(self, job_id: str, key: str) -> bytes | None:
        content = await self._sql.value(
            "SELECT content FROM job_checkpoints WHERE job_id = :id AND key = :key", id=as_id(job_id), key=key
        )
        return None if content is None else bytes(content)

    async def save_checkpoint(self, job_id: str, key: str, content: bytes, *, attempt: int) -> bool:
        saved = await self._sql.run(
            _SAVE_CHECKPOINT, id=as_id(job_id), attempt=attempt, more=MAX_ATTEMPTS, key=key, content=content
        )
        return saved == 1

    async def drop_checkpoints(self, job_id: str) -> None:
        await self._sql.run("DELETE FROM job_checkpoints WHERE job_id = :id", id=as_id(job_id))

    async def take_sweep(self) -> bool:
        return bool(await self._sql.value("SELECT pg_try_advisory_xact_lock(hashtextextended('jobs sweep', 0))"))

    async def expired_slots(self, now: datetime, *, limit: int) -> list[str]:
        rows = await self._sql.rows(
            "SELECT id FROM jobs WHERE status = 'waiting_upload' AND slot_expires_at <= :now LIMIT :limit",
            now=now,
            limit=limit,
        )
        return [str(row["id"]) for row in rows]

    async def keep_reservations(self, *, ttl_s: float) -> int:
        return await self._sql.run(
            "UPDATE reservations r SET expires_at = clock_timestamp() + :ttl FROM jobs j "
            "WHERE j.reservation_id = r.id AND j.status IN ('queued', 'processing') "
            "AND r.state = 'held' AND r.expires_at < clock_timestamp() + :soon",
            ttl=timedelta(seconds=ttl_s),
            soon=timedelta(seconds=ttl_s / 2),
        )

    async def spent_uploads(self, *, failed_before: datetime, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        # A slot that was left can be filled until its URL expires.
        rows = await self._sql.rows(
            "SELECT id, upload_key FROM jobs WHERE finished_at IS NOT NULL AND upload_key IS NOT NULL "
            "AND (status <> 'failed' OR finished_at < :failed_before) "
            "AND (status = 'completed' OR slot_expires_at IS NULL OR slot_expires_at <= :now) LIMIT :limit",
            failed_before=failed_before,
            now=now,
            limit=limit,
        )
        return [(str(row["id"]), row["upload_key"]) for row in rows]

    async def forget_upload(self, job_id: str) -> None:
        await self._sql.run("UPDATE jobs SET upload_key = NULL WHERE id = :id", id=as_id(job_id))

    async def _found(self, job_id: str, account_id: str | None, suffix: str = "") -> Job:
        whose = "" if account_id is None else "AND account_id = :account_id"
        values = {} if account_id is None else {"account_id": as_id(account_id)}
        row = await self._sql.row(
            f"SELECT {COLUMNS} FROM jobs WHERE id = :id {whose} {suffix}",  # noqa: S608 - our names
            id=as_id(job_id),
            **values,
        )
        if row is None:
            raise NotFound("There is no such job.")
        return _job(row)


def _row(job: Job) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(job, name, None) for name in _NAMES}
    return values | {
        "id": as_id(job.id),
        "account_id": as_id(job.account_id),
        "reservation_id": as_id(job.reservation_id) if job.reservation_id else None,
        "params": json.dumps(dict(job.params)),
        "error_code": job.error.code if job.error else None,
        "error_message": job.error.message if job.error else None,
    }


def _job(row: RowMapping) -> Job:
    values = fields_of(row)
    code, message = values.pop("error_code"), values.pop("error_message")
    return Job(**values, error=JobError(code=code, message=message) if code else None)
