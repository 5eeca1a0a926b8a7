"""Who may transcribe now: the limits of the anonymous tier, counted in this process.

A later change keeps the counts in the database; until then each ingress replica counts for itself.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from serve_app.admission.callers import Caller
from serve_app.errors import ConcurrencyLimit, QuotaExceeded
from serve_app.ports.speech import Clock

DAY_S = 86_400.0
_MAX_BUCKETS = 100_000  # bounds the memory that addresses can take; the longest idle one is forgotten first
_SLOT_RETRY_AFTER_S = 5  # nobody knows when a running transcription ends; soon enough to be worth a try


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymousLimits:
    """What a caller without credentials may do; None is unlimited."""

    requests_per_day: int | None = 3  # transcriptions with a result in any 24 hours
    concurrency: int | None = 1
    max_file_bytes: int | None = 100_000_000
    max_duration_s: float | None = None


class Ticket:
    """The right to one transcription. Its daily allowance comes back unless a result was sent."""

    def __init__(self) -> None:
        self.answered = False


class Gate:
    """Counts transcriptions per anonymous caller. Time is the clock's, in seconds."""

    def __init__(self, limits: AnonymousLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._used: OrderedDict[str, deque[float]] = OrderedDict()
        self._running: dict[str, int] = {}

    @asynccontextmanager
    async def admit(self, caller: Caller) -> AsyncIterator[Ticket]:
        """Hold a slot, and one use of the allowance, for one transcription.

        Raises ConcurrencyLimit or QuotaExceeded, with the seconds to wait.
        """
        ticket = Ticket()
        if not caller.anonymous:
            yield ticket
            return
        self._check_slot(caller.bucket)
        used_at = self._use(caller.bucket)
        self._running[caller.bucket] = self._running.get(caller.bucket, 0) + 1
        try:
            yield ticket
        finally:
            self._leave(caller.bucket)
            if not ticket.answered:
                self._give_back(caller.bucket, used_at)

    def _check_slot(self, bucket: str) -> None:
        cap = self._limits.concurrency
        if cap is not None and self._running.get(bucket, 0) >= cap:
            message = (
                f"Without an API key {cap} transcription{'s' if cap != 1 else ''} may run at once; wait for it to end."
            )
            raise ConcurrencyLimit(message, retry_after_s=_SLOT_RETRY_AFTER_S, limit=cap)

    def _leave(self, bucket: str) -> None:
        left = self._running[bucket] - 1
        if left:
            self._running[bucket] = left
        else:
            del self._running[bucket]

    def _use(self, bucket: str) -> float:
        now = self._clock()
        cap = self._limits.requests_per_day
        if cap is None:
            return now
        uses = self._used.setdefault(bucket, deque())
        self._used.move_to_end(bucket)
        while uses and uses[0] <= now - DAY_S:
            uses.popleft()
        if len(uses) >= cap:
            wait_s = math.ceil(uses[0] + DAY_S - now) if uses else int(DAY_S)
            message = f"The {cap} transcriptions a day without an API key are used up; send a key or try again later."
            raise QuotaExceeded(message, retry_after_s=max(wait_s, 1), limit=cap)
        uses.append(now)
        if len(self._used) > _MAX_BUCKETS:
            self._used.popitem(last=False)
        return now

    def _give_back(self, bucket: str, used_at: float) -> None:
        uses = self._used.get(bucket)
        if uses and used_at in uses:
            uses.remove(used_at)
