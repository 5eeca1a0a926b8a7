"""How jobs are kept and run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """Times and bounds; the defaults are for production, tests shorten them."""

    slot_s: float = 3600.0  # an upload slot that is not started by then expires
    max_open_jobs: int = 1000  # of one account, slots included
    attempts: int = 5  # without anything finished in between; then the job is taken for what kills its workers
    reservation_ttl_s: float = 86_400.0  # renewed while the job waits or runs: only counts when nobody sweeps
    deadline_s: float = 12 * 3600.0  # one attempt fails after this
    report_s: float = 1.0  # progress is written, and the attempt's right to go on is checked, this often
    retry_base_s: float = 5.0
    retry_cap_s: float = 300.0
    patience_s: float = 60.0  # a database that is away this long has the attempt end
    sweep_every_s: float = 5.0
    stalled_after_s: float = 10.0  # an attempt, or a worker, that is silent for so long is dead
    keep_failed_s: float = 7 * 86_400.0  # uploads of failed jobs, for another try
    discard_every_s: float = 3600.0
    abandoned_after_s: float = 86_400.0  # of uploads that broke off; many times as long as the longest takes
    retention_s: float | None = None  # of transcripts; None: until they are deleted
