"""What jobs need from storage and machinery, beside `ports.stores`, as Protocols."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from serve_app.jobs.model import Job, JobKind, JobStatus
from serve_app.ports.checkpoints import Checkpoints
from serve_app.ports.speech import MediaFile, TranscribeEvent, TranscribeOptions
from serve_app.ports.stores import Stores, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way to a client's URL."""

    id: str
    account_id: str  # whose secret signs it
    url: str
    event: Mapping[str, Any]
    attempt: int  # this one; the first is 1


class JobStore(Protocol):
    """Jobs, their places in the queue, their checkpoints and their events.

    Where an `account_id` is given, a foreign job does not exist (NotFound); None is for operators and workers.
    """

    async def add(self, job: Job) -> None: ...

    async def get(self, job_id: str, *, account_id: str | None = None) -> Job:
        """Raises NotFound."""

    async def lock(self, job_id: str, *, account_id: str | None = None) -> Job:
        """Return a job that nobody else can change until the transaction ends. Raises NotFound."""

    async def save(self, job: Job) -> None:
        """Write a job that this transaction has locked."""

    async def page(
        self,
        account_id: str | None,
        *,
        kind: JobKind | None = None,
        status: JobStatus | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> list[Job]:
        """Return jobs, newest first; `before` is the id of the last one seen."""

    async def count_open(self, account_id: str) -> int:
        """Return how many of an account's jobs have not ended."""

    async def enqueue(self, job: Job) -> None:
        """Put a queued job into the queue, at its fair place. Workers see it once the transaction is committed."""

    async def dequeue(self, job_id: str) -> None:
        """Take a job out of the queue, or tell the worker that has it to stop."""

    async def advance(self, job_id: str, *, attempt: int, stage: str, progress: float) -> bool:
        """Note that an attempt is alive and how far it has come; False: it is over, whoever works on it must stop."""

    async def is_alive(self, job_id: str, *, silent_s: float) -> bool:
        """Return whether an attempt at the job has been heard of within this time."""

    async def add_event(self, job: Job, event: Mapping[str, Any]) -> None:
        """Remember that the job's `webhook_url` is to be told; the same event twice is told once."""

    async def due_events(self, *, limit: int, lease_s: float) -> list[Delivery]:
        """Take events that are due; nobody else gets them for `lease_s`."""

    async def settle_event(self, delivery_id: str, *, outcome: str, again_after_s: float | None) -> None:
        """Note what came of a delivery; None: that was the last one."""

    async def checkpoint_keys(self, job_id: str) -> set[str]: ...

    async def load_checkpoint(self, job_id: str, key: str) -> bytes | None: ...

    async def save_checkpoint(self, job_id: str, key: str, content: bytes, *, attempt: int) -> bool:
        """Keep a result, and with it the job's full number of attempts: who gets on is not what kills workers.

        False: the attempt is over, and nothing was kept.
        """

    async def drop_checkpoints(self, job_id: str) -> None: ...

    async def take_sweep(self) -> bool:
        """Return whether nobody else sweeps; True holds until the transaction ends."""

    async def expired_slots(self, now: datetime, *, limit: int) -> list[str]:
        """Return upload slots whose time is over."""

    async def keep_reservations(self, *, ttl_s: float) -> int:
        """Let no reservation lapse whose job still waits or runs; return how many were extended."""

    async def wake_stalled(self, *, silent_s: float) -> int:
        """Put jobs back whose workers have been silent for this long; return how many."""

    async def enqueue_lost(self, *, silent_s: float) -> int:
        """Put jobs back that wait, or that nobody runs, but are not in the queue, however that came."""

    async def forget_ended(self) -> int:
        """Delete what the queue has finished with; return how many."""

    async def spent_uploads(self, *, failed_before: datetime, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """Return (job id, key) of uploads that no job needs any more; those of failed jobs are kept for a while."""

    async def forget_upload(self, job_id: str) -> None: ...


class JobTransaction(Transaction, Protocol):
    """Stores that can take part in one transaction."""

    jobs: JobStore


class JobStores(Stores, Protocol):
    """All stores; each call is a transaction of its own."""

    jobs: JobStore

    def transaction(self) -> AbstractAsyncContextManager[JobTransaction]:
        """Lend stores for one transaction: committed at the end of the block, undone by an exception in it."""


class DurationProbe(Protocol):
    async def __call__(self, key: str) -> float | None:
        """Return the seconds that a stored recording claims to last, None where it does not say. Cheap."""


class UrlCheck(Protocol):
    async def __call__(self, url: str) -> None:
        """Raise InvalidRequest for a URL that events are not sent to."""


class Transcribing(Protocol):
    def __call__(
        self, source: MediaFile, options: TranscribeOptions, checkpoints: Checkpoints
    ) -> AsyncGenerator[TranscribeEvent]:
        """Run the pipeline; what it has saved it does not do again. The last event is the Transcript."""


Spool = Callable[[], AbstractAsyncContextManager[str]]
"""Lends the path of a file that is removed afterwards."""
