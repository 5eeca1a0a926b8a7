"""A job and its legal moves.

    waiting_upload ──► queued ◄──► processing ──► completed | failed
          │               │             │
          └─► expired     └─► failed    └─► (a stalled job is picked up again: processing ──► processing)
    cancelled is reached from every state that is not an end; an operator may queue a failed job once more.

Every function here returns a new Job or raises Conflict; storing it, under a row lock, is the caller's.

A queue may give one job to two workers: one that seemed dead and one that took over. So each pick-up counts
`attempts` up, and whoever works on the job names the attempt it was given; the words of an older one are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from serve_app.errors import Conflict, InternalError, SpeechError

JobKind = Literal["stt", "dubbing", "tts"]
JobStatus = Literal["waiting_upload", "queued", "processing", "completed", "failed", "cancelled", "expired"]

LEGAL_MOVES: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    "waiting_upload": frozenset({"queued", "cancelled", "expired"}),
    "queued": frozenset({"processing", "failed", "cancelled"}),
    "processing": frozenset({"processing", "queued", "completed", "failed", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset({"queued"}),
    "cancelled": frozenset(),
    "expired": frozenset(),
}
ENDS: Final = frozenset[JobStatus]({"completed", "failed", "cancelled", "expired"})
MAX_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed: what the caller reads, so no traceback, path or transcript."""

    code: str  # an `error_code` of serve_app.errors
    message: str


WORKER_LOST: Final = JobError(
    code=InternalError.error_code,
    message="The workers that ran this job stopped each time before it was done; "
    "the file may need more memory or time than they have.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of durable work. Times are UTC."""

    id: str
    account_id: str
    kind: JobKind
    status: JobStatus
    created_at: datetime
    stage: str | None = None  # of processing, e.g. recognizing
    progress: float = 0.0  # 0..1; never goes back, not even when the job is picked up again
    attempts: int = 0  # how often a worker picked it up; also tells apart workers that hold it
    attempts_allowed: int = MAX_ATTEMPTS
    params: Mapping[str, Any] = field(default_factory=dict)  # JSON-ready, as given at the start
    params_fingerprint: str | None = None  # of the body that started it
    audio_s: float | None = None  # length of the media, once known
    upload_key: str | None = None  # of the object store
    result_key: str | None = None
    content_type: str | None = None  # of the upload
    webhook_url: str | None = None
    slot_expires_at: datetime | None = None  # an upload slot that was not started by then is expired
    queued_at: datetime | None = None
    started_at: datetime | None = None  # first pick-up
    finished_at: datetime | None = None
    error: JobError | None = None
    reservation_id: str | None = None
    credits_reserved: int = 0
    credits_charged: int = 0

    @property
    def has_ended(self) -> bool:
        return self.status in ENDS


def is_started_with(job: Job, *, fingerprint: str, now: datetime) -> bool:
    """Tell whether this very start was made before, so that the job is answered as it is; False: start it now.

    Raises Conflict when it was started with other parameters, or cannot be started any more.
    """
    if job.params_fingerprint is not None:
        if job.params_fingerprint != fingerprint:
            raise Conflict("This job was started with other parameters; create a new upload to run it differently.")
        return True
    if job.status == "waiting_upload" and not slot_is_expired(job, now=now):
        return False
    status = "expired" if job.status == "waiting_upload" else job.status
    raise Conflict(f"This job is {status} and cannot be started; create a new upload.", status=status)


def start(
    job: Job,
    *,
    params: Mapping[str, Any],
    fingerprint: str,
    reservation_id: str | None,
    credits_reserved: int,
    audio_s: float | None,
    now: datetime,
) -> Job:
    """Queue a job whose upload is there and whose credits are reserved; `is_started_with` has answered False."""
    if job.status != "waiting_upload":
        raise Conflict(f"This job is {job.status} and cannot be started.", status=job.status)
    return _moved(
        job,
        "queued",
        params=dict(params),
        params_fingerprint=fingerprint,
        reservation_id=reservation_id,
        credits_reserved=credits_reserved,
        audio_s=audio_s,
        webhook_url=params.get("webhook_url"),
        queued_at=now,
    )


def pick_up(job: Job, *, now: datetime) -> Job:
    """Give the job to a worker: `processing` under a new attempt, or `failed` when its attempts are used up.

    Also picks up what a dead worker left in `processing`; only a job whose worker is known to be gone may be
    picked up so.
    """
    if job.status in ("queued", "processing") and job.attempts >= job.attempts_allowed:
        return _failed(job, job.error or WORKER_LOST, now)
    return _moved(
        job, "processing", attempts=job.attempts + 1, started_at=job.started_at or now, error=None, finished_at=None
    )


def advance(job: Job, *, attempt: int, stage: str, progress: float) -> Job:
    """Note how far an attempt has come."""
    _check_attempt(job, attempt)
    bounded = min(max(progress, 0.0), 1.0)
    return replace(job, stage=stage, progress=max(job.progress, bounded))


def complete(job: Job, *, attempt: int, result_key: str, credits_charged: int, now: datetime) -> Job:
    """End an attempt with its result, in the transaction that captures the credits."""
    _check_attempt(job, attempt)
    return _moved(
        job,
        "completed",
        result_key=result_key,
        credits_charged=credits_charged,
        stage=None,
        progress=1.0,
        error=None,
        finished_at=now,
    )


def give_up(job: Job, *, attempt: int, error: JobError, retryable: bool, now: datetime) -> Job:
    """End an attempt without a result: `queued` again while attempts are left and another may help, else `failed`."""
    _check_attempt(job, attempt)
    if retryable and job.attempts < job.attempts_allowed:
        return _moved(job, "queued", stage=None, error=error)
    return _failed(job, error, now)


def release(job: Job, *, attempt: int) -> Job:
    """Hand the job back unfinished without blaming it: its worker is shutting down. The attempt does not count."""
    _check_attempt(job, attempt)
    return _moved(job, "queued", stage=None, attempts_allowed=job.attempts_allowed + 1)


def cancel(job: Job, *, now: datetime) -> Job:
    """Cancel a job that has not ended; one that is cancelled stays so. Raises Conflict for other ends."""
    if job.status == "cancelled":
        return job
    return _moved(job, "cancelled", stage=None, finished_at=now)


def expire(job: Job, *, now: datetime) -> Job:
    """End an upload slot that nobody started."""
    return _moved(job, "expired", finished_at=now)


def run_again(job: Job, *, reservation_id: str | None, credits_reserved: int, now: datetime) -> Job:
    """Queue a failed job once more, with fresh attempts and a new reservation: the old one was released."""
    if job.status != "failed":
        raise Conflict(f"Only a failed job can be run again; this one is {job.status}.", status=job.status)
    return _moved(
        job,
        "queued",
        attempts_allowed=job.attempts + MAX_ATTEMPTS,
        reservation_id=reservation_id,
        credits_reserved=credits_reserved,
        queued_at=now,
        finished_at=None,
        error=None,
    )


def slot_is_expired(job: Job, *, now: datetime) -> bool:
    """Tell whether an upload slot's time is over."""
    return job.status == "waiting_upload" and job.slot_expires_at is not None and now >= job.slot_expires_at


def error_of(fault: SpeechError) -> tuple[JobError, bool]:
    """Return what to tell about a fault, and whether another attempt may help: the service's faults, not the file's."""
    return JobError(code=fault.error_code, message=fault.message), fault.status >= 500 or fault.status == 429


def _failed(job: Job, error: JobError, now: datetime) -> Job:
    return _moved(job, "failed", stage=None, error=error, finished_at=now)


def _check_attempt(job: Job, attempt: int) -> None:
    if job.status != "processing" or job.attempts != attempt:
        raise Conflict("Another worker runs this job now, or it has ended.", status=job.status)


def _moved(job: Job, to: JobStatus, **changes: Any) -> Job:
    if to not in LEGAL_MOVES[job.status]:
        raise Conflict(f"This job is {job.status} and cannot become {to}.", status=job.status)
    return replace(job, status=to, **changes)
