"""What workers and crashes leave behind is put right here, by one sweeper at a time, whoever it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from serve_app.errors import Conflict, NotFound, SpeechError
from serve_app.jobs import model
from serve_app.jobs.endings import save_ended
from serve_app.jobs.ports import JobStores
from serve_app.jobs.service import utc_now
from serve_app.jobs.settings import JobSettings
from serve_app.ports.objects import ObjectStore

log = logging.getLogger("hark.jobs")

_AT_ONCE = 200
_LONGEST_DELETING_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep found to do."""

    woken: int = 0  # jobs of dead workers
    found: int = 0  # jobs that were in no queue
    kept: int = 0  # reservations extended
    expired: int = 0  # upload slots
    deleted: int = 0  # uploads


class JobSweeper:
    """Looks after jobs that nobody looks after. The jobs are the truth; the queue beneath is mended to fit them."""

    def __init__(
        self,
        *,
        stores: JobStores,
        objects: ObjectStore,
        settings: JobSettings | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._stores = stores
        self._objects = objects
        self._settings = settings or JobSettings()
        self._now = now

    async def sweep(self) -> Swept:
        """Sweep once; nothing happens while somebody else does."""
        settings = self._settings
        async with self._stores.transaction() as stores:
            if not await stores.jobs.take_sweep():
                return Swept()
            kept = await stores.jobs.keep_reservations(ttl_s=settings.reservation_ttl_s)
            woken = await stores.jobs.wake_stalled(silent_s=settings.stalled_after_s)
            found = await stores.jobs.enqueue_lost(silent_s=settings.stalled_after_s)
            await stores.jobs.forget_ended()
        expired = await self._expire_slots()
        deleted = await self._delete_uploads()
        swept = Swept(woken=woken, found=found, kept=kept, expired=expired, deleted=deleted)
        if swept != Swept():
            log.info(
                "jobs_swept woken=%d found=%d kept=%d expired=%d deleted=%d",
                swept.woken, swept.found, swept.kept, swept.expired, swept.deleted,
            )  # fmt: skip
        return swept

    async def discard_abandoned(self) -> int:
        """Remove what crashes left of uploads; return how much. Harmless where several do so at once."""
        gone = 0
        with suppress(TimeoutError):  # the rest goes next time
            async with asyncio.timeout(_LONGEST_DELETING_S):
                gone = await self._objects.discard_abandoned(older_than_s=self._settings.abandoned_after_s)
        if gone:
            log.info("abandoned_uploads_discarded count=%d", gone)
        return gone

    async def _expire_slots(self) -> int:
        expired = 0
        for job_id in await self._stores.jobs.expired_slots(self._now(), limit=_AT_ONCE):
            try:
                async with self._stores.transaction() as stores:
                    job = model.expire(await stores.jobs.lock(job_id), now=self._now())
                    await save_ended(stores, job)
            except (Conflict, NotFound):
                continue  # started, cancelled or expired meanwhile
            expired += 1
        return expired

    async def _delete_uploads(self) -> int:
        now = self._now()
        failed_before = now - timedelta(seconds=self._settings.keep_failed_s)
        spent = await self._stores.jobs.spent_uploads(failed_before=failed_before, now=now, limit=_AT_ONCE)
        deleted = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_DELETING_S):  # jobs of dead workers must not wait for a slow storage
                for job_id, key in spent:
                    try:
                        await self._objects.delete(key)
                    except SpeechError as fault:
                        log.warning("upload_not_deleted job_id=%s error_code=%s", job_id, fault.error_code)
                        continue
                    await self._stores.jobs.forget_upload(job_id)
                    deleted += 1
        return deleted
