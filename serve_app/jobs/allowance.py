"""The minutes of a month that a plan allows, as jobs use them. Counted beside transactions, never inside one."""

from __future__ import annotations

import logging

from serve_app.admission.plans import MONTH_S
from serve_app.errors import DatabaseUnavailable, QuotaExceeded
from serve_app.jobs.model import Job
from serve_app.ports.stores import QuotaStore

log = logging.getLogger("hark.jobs")


class Allowance:
    """Uses, corrects and gives back; a job carries its use and its plan's cap in its parameters."""

    def __init__(self, quotas: QuotaStore) -> None:
        self._quotas = quotas

    async def use(self, account_id: str, *, cap_s: int | None, audio_s: float | None) -> str | None:
        """Return the id of a use, None where the plan has no cap. Raises QuotaExceeded."""
        if cap_s is None:
            return None
        return await self._quotas.use(_bucket(account_id), cap=cap_s, window_s=MONTH_S, amount=_amount(audio_s))

    async def settle(self, job: Job, audio_s: float) -> None:
        """Let a job's use be what its recording really takes. Raises QuotaExceeded."""
        cap_s, use_id = job.params.get("audio_cap_s"), job.params.get("quota_use")
        if cap_s is None:
            return
        if use_id is None:  # it runs again after a failure, which gave the allowance back
            await self.use(job.account_id, cap_s=cap_s, audio_s=audio_s)
            return
        others_s = await self._quotas.used(_bucket(job.account_id)) - _amount(job.audio_s)
        if others_s + _amount(audio_s) > cap_s:
            raise QuotaExceeded("The minutes of this plan do not cover this recording.", limit=cap_s // 60)
        await self._quotas.settle(use_id, amount=_amount(audio_s))

    async def give_back(self, use_id: str | None) -> None:
        """Give a use back; while the database is away it stays used."""
        if use_id is None:
            return
        try:
            await self._quotas.give_back(use_id)
        except DatabaseUnavailable:
            log.warning("allowance_not_given_back")


def _bucket(account_id: str) -> str:
    """Return the name that an account's minutes are counted under, by whatever route they come."""
    return f"audio:account:{account_id}"


def _amount(audio_s: float | None) -> int:
    return max(1, round(audio_s or 0))
