"""What callers do with jobs. Every change is one transaction, seen here from its begin to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from serve_app.admission.plans import Plan
from serve_app.billing.prices import PriceList
from serve_app.errors import AudioTooLong, Conflict, FileTooLarge, NotFound, NotReady, QuotaExceeded, UploadMissing
from serve_app.jobs import model
from serve_app.jobs.allowance import Allowance
from serve_app.jobs.endings import save_ended
from serve_app.jobs.idempotency import fingerprint
from serve_app.jobs.model import Job, JobKind, JobStatus
from serve_app.jobs.ports import DurationProbe, JobStores, JobTransaction, UrlCheck
from serve_app.jobs.secrets import webhook_secret
from serve_app.jobs.settings import JobSettings
from serve_app.ports.objects import ObjectStore, SignedUrl
from serve_app.ports.records import Reservation, StoredTranscript


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a caller starts a job with. `body` is what was sent, `params` what was understood."""

    body: Mapping[str, Any]
    params: Mapping[str, Any]
    plan: Plan


class JobService:
    """Upload slots, starts, lists and cancellations. An account's jobs do not exist for other accounts."""

    def __init__(
        self,
        *,
        stores: JobStores,
        objects: ObjectStore,
        prices: PriceList,
        probe: DurationProbe,
        check_url: UrlCheck,
        new_id: Callable[[], str],
        webhook_key: bytes = b"",
        settings: JobSettings | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`new_id` makes UUIDs whose order is that of time: lists are sorted by it. `webhook_key` is the service's own
        secret, from which those of the accounts are derived.
        """
        self._stores = stores
        self._allowance = Allowance(stores.quotas)
        self._objects = objects
        self._prices = prices
        self._probe = probe
        self._check_url = check_url
        self._new_id = new_id
        self._webhook_key = webhook_key
        self._settings = settings or JobSettings()
        self._now = now

    async def create_slot(
        self, account_id: str, *, kind: JobKind, content_type: str, max_bytes: int | None
    ) -> tuple[Job, SignedUrl]:
        """Return a new job that waits for its upload, and where to upload to. Raises QuotaExceeded for too many."""
        if await self._stores.jobs.count_open(account_id) >= self._settings.max_open_jobs:
            raise QuotaExceeded(
                f"{self._settings.max_open_jobs} jobs may be open at once; wait for some to end, or cancel them.",
                retry_after_s=60,
                limit=self._settings.max_open_jobs,
            )
        now = self._now()
        job_id = self._new_id()
        job = Job(
            id=job_id,
            account_id=account_id,
            kind=kind,
            status="waiting_upload",
            created_at=now,
            attempts_allowed=self._settings.attempts,
            content_type=content_type,
            upload_key=f"uploads/{job_id}",
            slot_expires_at=now + timedelta(seconds=self._settings.slot_s),
        )
        url = await self._objects.signed_url(
            "PUT",
            f"uploads/{job_id}",
            expires_in_s=round(self._settings.slot_s),
            content_type=content_type,
            max_bytes=max_bytes,
        )
        await self._stores.jobs.add(job)
        return job, url

    async def start(self, account_id: str, job_id: str, start: Start, *, kind: JobKind) -> tuple[Job, bool]:
        """Reserve the credits of an uploaded job and queue it, all or nothing; False: it was started so before.

        Raises NotFound, UploadMissing, Conflict for other parameters, FileTooLarge, AudioTooLong, QuotaExceeded,
        InsufficientCredits, and InvalidRequest for a `webhook_url` that is not called.
        """
        name = fingerprint(kind=kind, body=dict(start.body))
        job = await self._stores.jobs.get(job_id, account_id=account_id)
        if job.kind != kind:
            raise NotFound("There is no such job.")
        if model.is_started_with(job, fingerprint=name, now=self._now()):
            return job, False
        if url := start.params.get("webhook_url"):
            await self._check_url(url)
        audio_s = await self._measured_upload(job, start.plan)
        use_id = await self._allowance.use(account_id, cap_s=start.plan.audio_s_per_month, audio_s=audio_s)
        params = dict(start.params) | _limits(start.plan, use_id)
        started = False
        try:
            async with self._stores.transaction() as stores:
                job = await stores.jobs.lock(job_id, account_id=account_id)
                if model.is_started_with(job, fingerprint=name, now=self._now()):
                    return job, False
                held = await self._reserve(stores, job, audio_s) if start.plan.charged else None
                job = model.start(
                    job,
                    params=params,
                    fingerprint=name,
                    reservation_id=held.id if held else None,
                    credits_reserved=held.credits if held else 0,
                    audio_s=audio_s,
                    now=self._now(),
                )
                await stores.jobs.save(job)
                await stores.jobs.enqueue(job)
            started = True
        finally:
            if not started:
                await self._allowance.give_back(use_id)
        return job, True

    async def get(self, account_id: str | None, job_id: str) -> Job:
        """Raises NotFound."""
        return await self._stores.jobs.get(job_id, account_id=account_id)

    async def page(
        self,
        account_id: str | None,
        *,
        kind: JobKind | None = None,
        status: JobStatus | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> tuple[list[Job], str | None]:
        """Return jobs, newest first, and the cursor of what follows, None at the end."""
        jobs = await self._stores.jobs.page(account_id, kind=kind, status=status, limit=limit + 1, before=before)
        return jobs[:limit], jobs[limit - 1].id if len(jobs) > limit else None

    async def cancel(self, account_id: str | None, job_id: str) -> Job:
        """Stop a job and give back what it reserved; again changes nothing. Raises NotFound, Conflict at other ends."""
        async with self._stores.transaction() as stores:
            job = await stores.jobs.lock(job_id, account_id=account_id)
            cancelled = model.cancel(job, now=self._now())
            if cancelled is not job:
                await save_ended(stores, cancelled)
                await stores.jobs.dequeue(job_id)
        if cancelled is not job:
            await self._allowance.give_back(job.params.get("quota_use"))
        return cancelled

    async def run_again(self, account_id: str | None, job_id: str) -> Job:
        """Queue a failed job once more, under a new reservation. Raises NotFound, Conflict, InsufficientCredits."""
        async with self._stores.transaction() as stores:
            job = await stores.jobs.lock(job_id, account_id=account_id)
            if job.upload_key is None:
                raise Conflict("The upload of this job is gone; create a new one.", status=job.status)
            model.run_again(job, reservation_id=None, credits_reserved=0, now=self._now())  # may it be, at all?
            # Who was not charged before is not charged now: the plan of the start holds.
            held = await self._reserve(stores, job, job.audio_s) if job.reservation_id is not None else None
            job = model.run_again(
                job,
                reservation_id=held.id if held else None,
                credits_reserved=held.credits if held else 0,
                now=self._now(),
            )
            # What the failure gave back of an allowance is used once more when the work is done.
            job = replace(job, params={**job.params, "quota_use": None})
            await stores.jobs.save(job)
            await stores.jobs.enqueue(job)
        return job

    async def transcript(self, account_id: str, job_id: str) -> StoredTranscript:
        """Return what a transcription has come to. Raises NotFound, and NotReady before it is completed."""
        job = await self._stores.jobs.get(job_id, account_id=account_id)
        if job.kind != "stt":
            raise NotFound("There is no such transcription job.")
        if job.status != "completed":
            raise NotReady(
                f"This job is {job.status}; its transcript is there once it is completed.", status=job.status
            )
        return await self._stores.transcripts.get(account_id, job_id)

    def webhook_secret(self, account_id: str) -> str:
        """Return what an account verifies the signatures of its events with."""
        return webhook_secret(self._webhook_key, account_id)

    async def _measured_upload(self, job: Job, plan: Plan) -> float | None:
        key = job.upload_key or ""
        found = await self._objects.stat(key)
        if found is None:
            raise UploadMissing("Nothing was uploaded for this job yet; PUT the file to its `upload_url` first.")
        if plan.max_file_bytes is not None and found.size_bytes > plan.max_file_bytes:
            raise FileTooLarge("The file has more bytes than this plan allows.", limit=plan.max_file_bytes)
        audio_s = await self._probe(key)
        if audio_s is not None and plan.max_duration_s is not None and audio_s > plan.max_duration_s:
            raise AudioTooLong("The recording is longer than this plan allows.", limit=plan.max_duration_s)
        return audio_s

    async def _reserve(self, stores: JobTransaction, job: Job, audio_s: float | None) -> Reservation:
        return await stores.ledger.reserve(
            job.account_id,
            self._prices.to_reserve(job.kind, audio_s),
            feature=job.kind,
            reference=f"job:{job.id}",
            ttl_s=self._settings.reservation_ttl_s,
        )


def _limits(plan: Plan, use_id: str | None) -> dict[str, Any]:
    return {"max_duration_s": plan.max_duration_s, "audio_cap_s": plan.audio_s_per_month, "quota_use": use_id}
