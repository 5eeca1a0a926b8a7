"""How much work waits in the database."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.adapters.database.sql import Sql

_BACKLOG = """
SELECT status, count(*) AS jobs,
       coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0) AS oldest_s
FROM jobs WHERE status IN ('waiting_upload', 'queued', 'processing') GROUP BY status
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Jobs that have not ended."""

    waiting_upload: int = 0
    queued: int = 0
    processing: int = 0
    oldest_queued_s: float = 0.0  # how long the oldest queued one has waited


async def job_backlog(sql: Sql) -> Backlog:
    """Count open jobs. Raises DatabaseUnavailable."""
    rows = await sql.rows(_BACKLOG)
    counts = {row["status"]: int(row["jobs"]) for row in rows}
    oldest_s = next((float(row["oldest_s"]) for row in rows if row["status"] == "queued"), 0.0)
    return Backlog(**counts, oldest_queued_s=max(oldest_s, 0.0))
