"""What a worker does with one job: pick it up, run the pipeline, and end it, whatever happens on the way.

A job may be taken from a worker at any moment: cancelled by its owner, or given to another worker because this one
seemed dead. So every write names the attempt it belongs to, and what an attempt that is over has to say is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial

from serve_app.billing.prices import PriceList
from serve_app.errors import (
    AudioTooLong,
    Conflict,
    InternalError,
    NotFound,
    QuotaExceeded,
    SpeechError,
)
from serve_app.jobs import model
from serve_app.jobs.allowance import Allowance
from serve_app.jobs.attempts import FIRST_STAGE, AttemptProgress, Superseded, attempt_reported, locked
from serve_app.jobs.backoff import backoff_s
from serve_app.jobs.checkpoints import AttemptCheckpoints
from serve_app.jobs.endings import save_ended
from serve_app.jobs.model import Job
from serve_app.jobs.patience import Patience
from serve_app.jobs.ports import JobStores, Spool, Transcribing
from serve_app.jobs.service import utc_now
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.stt import stored_transcript, stt_options
from serve_app.ports import metrics
from serve_app.ports.metrics import NO_METER, Meter
from serve_app.ports.objects import ObjectStore
from serve_app.ports.speech import Clock, MediaFile, Progress
from serve_app.transcript.model import Transcript

log = logging.getLogger("hark.jobs")

_HAND_BACK_S = 3.0  # a shutdown does not wait longer for the database


class TryAgain(Exception):
    """The job waits in the queue for its next attempt."""

    def __init__(self, after_s: float) -> None:
        super().__init__(after_s)
        self.after_s = after_s


class JobWorker:
    """Runs transcription jobs, several at once."""

    def __init__(
        self,
        *,
        stores: JobStores,
        objects: ObjectStore,
        transcribe: Transcribing,
        prices: PriceList,
        spool: Spool,
        node_id: str = "",
        settings: JobSettings | None = None,
        now: Callable[[], datetime] = utc_now,
        clock: Clock = time.monotonic,
        meter: Meter = NO_METER,
    ) -> None:
        self._meter = meter
        self._stores = stores
        self._allowance = Allowance(stores.quotas)
        self._objects = objects
        self._transcribe = transcribe
        self._prices = prices
        self._spool = spool
        self._node_id = node_id
        self._settings = settings or JobSettings()
        self._now = now
        self._patience = Patience(self._settings.patience_s, clock=clock)
        self._in_haste = Patience(_HAND_BACK_S, clock=clock)

    async def run(self, job_id: str) -> None:
        """Run a job to the end of this attempt; quietly return if there is nothing to run any more.

        Raises TryAgain when another attempt is to follow, and DatabaseUnavailable when nobody could be told how it
        ended. When cancelled, the job is handed back first.
        """
        try:
            job = await self._patience(lambda: self._picked_up(job_id))
        except (Conflict, NotFound):
            return
        if job.status != "processing":
            return
        log.info("job_picked_up job_id=%s attempt=%d", job.id, job.attempts)
        try:
            await self._attempt(job)
        except Superseded:
            log.info("job_superseded job_id=%s attempt=%d", job.id, job.attempts)
        except asyncio.CancelledError:
            await asyncio.shield(self._hand_back(job))
            raise
        except SpeechError as fault:
            await self._give_up(job, fault)
        except Exception as error:
            log.error("job_broke job_id=%s error=%s", job.id, type(error).__name__, exc_info=error)
            await self._give_up(job, InternalError(f"The service failed on this job ({type(error).__name__})."))

    async def _picked_up(self, job_id: str) -> Job:
        async with self._stores.transaction() as stores:
            job = await stores.jobs.lock(job_id)
            if await stores.jobs.is_alive(job_id, silent_s=self._settings.stalled_after_s):
                raise Conflict("Another worker runs this job.")
            job = model.pick_up(job, now=self._now())
            if job.has_ended:
                await save_ended(stores, job)
            else:
                await stores.jobs.save(job)
                await stores.jobs.advance(job.id, attempt=job.attempts, stage=FIRST_STAGE, progress=job.progress)
        if job.has_ended:
            await self._allowance.give_back(job.params.get("quota_use"))
        return job

    async def _attempt(self, job: Job) -> None:
        progress = AttemptProgress(done=job.progress)
        reported = attempt_reported(self._stores.jobs, job, progress, every_s=self._settings.report_s)
        async with reported, self._spool() as path:
            found = await self._objects.download(job.upload_key or "", path)
            upload = f"{found.size_bytes}:{found.modified_at.timestamp():.6f}"
            transcript = await self._transcript(job, path, upload, progress)
        await self._patience(lambda: self._complete(job, transcript))

    async def _transcript(self, job: Job, path: str, upload: str, progress: AttemptProgress) -> Transcript:
        checkpoints = AttemptCheckpoints(
            self._stores,
            job_id=job.id,
            attempt=job.attempts,
            upload=upload,
            known=await self._patience(lambda: self._stores.jobs.checkpoint_keys(job.id)),
            patience=self._patience,
        )
        media = MediaFile(path=path, name=job.params["title"], node_id=self._node_id)
        options = stt_options(job, deadline_s=self._settings.deadline_s)
        covered = False
        async with aclosing(self._transcribe(media, options, checkpoints)) as events:
            async for event in events:
                if isinstance(event, Transcript):
                    return event
                if isinstance(event, Progress):
                    progress.stage, progress.done = event.stage, max(progress.done, event.done)
                    _check_duration(job, event.audio_s)
                    if event.stage != "decoding" and not covered:
                        await self._patience(partial(self._cover, job, event.audio_s))
                        covered = True
        raise InternalError("The transcription ended without a transcript.")

    async def _cover(self, job: Job, audio_s: float) -> None:
        """Reserve what the recording really costs, now that its length is known."""
        if job.audio_s is None or audio_s > job.audio_s + 1.0:
            await self._allowance.settle(job, audio_s)
        async with self._stores.transaction() as stores:
            current = await locked(stores, job)
            reserved = current.credits_reserved
            if current.reservation_id is not None:
                needed = self._prices.to_reserve(job.kind, audio_s)
                if needed > reserved:
                    reserved = (await stores.ledger.raise_to(current.reservation_id, needed)).credits
            await stores.jobs.save(replace(current, audio_s=audio_s, credits_reserved=reserved))

    async def _complete(self, job: Job, transcript: Transcript) -> None:
        """End the job with its transcript, charged and counted, all or nothing; done before: nothing happens."""
        audio_s = transcript.duration_s
        async with self._stores.transaction() as stores:
            current = await locked(stores, job)
            credits = self._prices.cost(job.kind, audio_s) if current.reservation_id else 0
            if current.reservation_id is not None:
                if credits > current.credits_reserved:
                    await stores.ledger.raise_to(current.reservation_id, credits)
                await stores.ledger.capture(current.reservation_id, credits)
            stored = await stores.transcripts.add(
                stored_transcript(current, transcript, retention_s=self._settings.retention_s)
            )
            await stores.usage.record(job.account_id, feature=job.kind, audio_s=audio_s, credits=credits)
            done = model.complete(
                replace(current, audio_s=audio_s),
                attempt=job.attempts,
                result_key=f"transcripts/{stored.id}",
                credits_charged=credits,
                now=self._now(),
            )
            await save_ended(stores, done)
        log.info("job_completed job_id=%s attempt=%d credits=%d", job.id, job.attempts, credits)
        self._meter.add(metrics.JOBS, kind=job.kind, outcome="completed")
        self._meter.add(metrics.CREDITS, credits, feature=job.kind)

    async def _give_up(self, job: Job, fault: SpeechError) -> None:
        """Note that the attempt failed. Raises TryAgain if another one is to follow."""
        error, retryable = model.error_of(fault)
        log.warning("job_attempt_failed job_id=%s attempt=%d error_code=%s", job.id, job.attempts, error.code)

        async def give_up() -> Job:
            async with self._stores.transaction() as stores:
                left = model.give_up(
                    await locked(stores, job),
                    attempt=job.attempts,
                    error=error,
                    retryable=retryable and not isinstance(fault, QuotaExceeded),
                    now=self._now(),
                )
                await (save_ended(stores, left) if left.has_ended else stores.jobs.save(left))
                return left

        try:
            left = await self._patience(give_up)
        except Superseded:
            return
        self._meter.add(metrics.JOBS, kind=job.kind, outcome="failed" if left.has_ended else "try_again")
        if left.has_ended:
            await self._allowance.give_back(left.params.get("quota_use"))
            return
        settings = self._settings
        raise TryAgain(backoff_s(job.attempts, base_s=settings.retry_base_s, cap_s=settings.retry_cap_s))

    async def _hand_back(self, job: Job) -> None:
        """Let another worker go on where this one stops; if that cannot be said, its silence will say it."""

        async def release() -> None:
            async with self._stores.transaction() as stores:
                current = await locked(stores, job)
                await stores.jobs.save(model.release(current, attempt=job.attempts))

        try:
            await self._in_haste(release)
            log.info("job_handed_back job_id=%s attempt=%d", job.id, job.attempts)
            self._meter.add(metrics.JOBS, kind=job.kind, outcome="handed_back")
        except (Superseded, SpeechError):
            return


def _check_duration(job: Job, audio_s: float) -> None:
    limit_s = job.params.get("max_duration_s")
    if limit_s is not None and audio_s > limit_s:
        raise AudioTooLong(f"The recording is longer than {limit_s / 60:g} minutes, the limit here.", limit=limit_s)
