"""Who may work now, and what it costs: a slot, an allowance and credits, held until the work has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Literal

from serve_app.admission.callers import Caller
from serve_app.admission.plans import DAY_S, MONTH_S, Plan
from serve_app.billing.prices import PriceList
from serve_app.errors import DatabaseUnavailable, NotFound, QuotaExceeded, SpeechError
from serve_app.ports import metrics
from serve_app.ports.metrics import NO_METER, Meter
from serve_app.ports.records import NewTranscript, Reservation
from serve_app.ports.stores import Stores

log = logging.getLogger("hark.admission")

HOLD_S = 60.0

Work = Literal["audio", "text"]  # what a plan's allowances tell apart


class Ticket:
    """The right to one piece of work. What it reserved comes back unless `complete` is called."""

    def __init__(
        self,
        stores: Stores,
        prices: PriceList,
        caller: Caller,
        *,
        feature: str,
        reference: str,
        work: Work = "audio",
        hold_s: float = HOLD_S,
        meter: Meter = NO_METER,
    ) -> None:
        self._on_audio = work == "audio"
        self._stores = stores
        self._prices = prices
        self._hold_s = hold_s
        self._meter = meter
        self._plan = caller.plan
        self._bucket = caller.bucket
        self._account_id = caller.account.id if caller.account else None
        self._feature = feature
        self._reference = reference
        self._lease: str | None = None
        self._request_use: str | None = None
        self._audio_uses: list[str] = []
        self._counted_s = 0  # of the month's minutes
        self._reservation: Reservation | None = None
        self._covered_s = 0.0
        self._completed = False
        self.surcharges: tuple[str, ...] = ()  # by name; they count from the next `cover` or `complete` on
        self.answered = False  # something of the result was sent: a day's allowance does not come back

    @property
    def bucket(self) -> str:
        """What the caller's limits are counted by."""
        return self._bucket

    async def take(self) -> None:
        """Take what can be known to be needed before the work is looked at."""
        plan, stores = self._plan, self._stores
        if plan.concurrency is not None:
            self._lease = await stores.leases.acquire(self._bucket, cap=plan.concurrency, ttl_s=self._hold_s)
        requests = plan.requests_per_day if self._on_audio else plan.text_requests_per_day
        if requests is not None:
            bucket = f"{'requests' if self._on_audio else 'texts'}:{self._bucket}"
            self._request_use = await stores.quotas.use(bucket, cap=requests, window_s=DAY_S)
        if self._on_audio and plan.audio_s_per_month is not None:
            used_s = await stores.quotas.used(self._audio_bucket)
            if used_s >= plan.audio_s_per_month:
                await self._use_audio(plan.audio_s_per_month, 1)
        if plan.charged and self._account_id is not None:
            self._reservation = await stores.ledger.reserve(
                self._account_id,
                self._prices.to_reserve(self._feature, None),
                feature=self._feature,
                reference=self._reference,
                ttl_s=self._hold_s,
                durable=False,
            )

    async def cover(self, audio_s: float) -> None:
        """Make sure that the recording's length is within the month's minutes and covered by credits.

        Raises QuotaExceeded, InsufficientCredits or ZeroBalance.
        """
        if audio_s <= self._covered_s:
            return
        cap_s = self._plan.audio_s_per_month
        if cap_s is not None:
            more_s = max(1, round(audio_s)) - self._counted_s
            if more_s > 0:
                await self._use_audio(cap_s, more_s)
        if self._reservation is not None:
            needed = self._prices.to_reserve(self._feature, audio_s, surcharges=self.surcharges)
            if needed > self._reservation.credits:
                with _unless_forgotten():
                    self._reservation = await self._stores.ledger.raise_to(self._reservation.id, needed)
        self._covered_s = audio_s

    async def cover_text(self, characters: int) -> None:
        """Make sure that a text is covered by credits. Raises InsufficientCredits or ZeroBalance."""
        if self._reservation is not None:
            needed = self._prices.to_reserve(self._feature, characters)
            if needed > self._reservation.credits:
                with _unless_forgotten():
                    self._reservation = await self._stores.ledger.raise_to(self._reservation.id, needed)

    async def complete_text(self, characters: int) -> int:
        """Charge and count work on a text that is done; return the credits it cost."""
        await self.cover_text(characters)
        return await self._finish(self._prices.cost(self._feature, characters), audio_s=0.0, transcript=None)

    async def complete(self, *, audio_s: float, transcript: NewTranscript | None = None) -> int:
        """Charge the work, count it, and keep its transcript, all or nothing; return the credits it cost.

        The work itself is done by now.
        """
        await self.cover(audio_s)
        cost = self._prices.cost(self._feature, audio_s, surcharges=self.surcharges)
        return await self._finish(cost, audio_s=audio_s, transcript=transcript)

    async def _finish(self, cost: int, *, audio_s: float, transcript: NewTranscript | None) -> int:
        self._completed = self.answered = True
        if self._account_id is None:
            return 0
        credits = cost if self._reservation else 0
        async with self._stores.transaction() as stores:
            if self._reservation is not None:
                with _unless_forgotten():
                    await stores.ledger.capture(self._reservation.id, credits)
            await stores.usage.record(self._account_id, feature=self._feature, audio_s=audio_s, credits=credits)
            if transcript is not None:
                await stores.transcripts.add(transcript)
        self._meter.add(metrics.CREDITS, credits, feature=self._feature)
        return credits

    async def hold(self) -> None:
        """Keep the slot and the reservation for as long as the work runs."""
        while True:
            await asyncio.sleep(self._hold_s / 3)
            with suppress(DatabaseUnavailable):
                if self._lease is not None:
                    await self._stores.leases.renew(self._lease, ttl_s=self._hold_s)
                if self._reservation is not None:
                    await self._stores.ledger.extend(self._reservation.id, ttl_s=self._hold_s)

    async def leave(self) -> None:
        """Give back the slot, and all the rest unless the work was completed."""
        for give_back in (self._leave_slot, self._leave_quotas, self._leave_credits):
            try:
                await give_back()
            except SpeechError as fault:  # what is held ends by itself
                log.warning("could_not_give_back error_code=%s", fault.error_code)

    async def _leave_slot(self) -> None:
        if self._lease is not None:
            await self._stores.leases.release(self._lease)

    async def _leave_quotas(self) -> None:
        if self._request_use is not None and not self.answered:
            await self._stores.quotas.give_back(self._request_use)
        if not self._completed:
            for use in self._audio_uses:
                await self._stores.quotas.give_back(use)

    async def _leave_credits(self) -> None:
        if self._reservation is not None and not self._completed:
            await self._stores.ledger.release(self._reservation.id)

    @property
    def _audio_bucket(self) -> str:
        return f"audio:{self._bucket}"

    async def _use_audio(self, cap_s: int, audio_s: int) -> None:
        try:
            self._audio_uses.append(
                await self._stores.quotas.use(self._audio_bucket, cap=cap_s, window_s=MONTH_S, amount=audio_s)
            )
            self._counted_s += audio_s
        except QuotaExceeded as fault:
            raise QuotaExceeded(
                f"The {cap_s // 60} minutes in 30 days of this plan do not cover this recording.",
                retry_after_s=fault.retry_after_s,
                limit=cap_s // 60,
            ) from fault


class Gate:
    """Hands out tickets."""

    def __init__(self, stores: Stores, prices: PriceList, *, hold_s: float = HOLD_S, meter: Meter = NO_METER) -> None:
        """`hold_s`: what a crashed holder held is free again after this."""
        self._meter = meter
        self._stores = stores
        self._prices = prices
        self._hold_s = hold_s

    @asynccontextmanager
    async def admit(
        self, caller: Caller, *, feature: str, reference: str, work: Work = "audio"
    ) -> AsyncIterator[Ticket]:
        """Hold a ticket for the block. Raises ConcurrencyLimit, QuotaExceeded, ZeroBalance or InsufficientCredits."""
        ticket = Ticket(
            self._stores,
            self._prices,
            caller,
            feature=feature,
            reference=reference,
            work=work,
            hold_s=self._hold_s,
            meter=self._meter,
        )
        try:
            await ticket.take()
            holding = asyncio.create_task(ticket.hold()) if _can_lapse(caller.plan) else None
            try:
                yield ticket
            finally:
                if holding is not None:
                    holding.cancel()
        finally:
            await asyncio.shield(ticket.leave())


@contextmanager
def _unless_forgotten() -> Iterator[None]:
    """Blame the database for a reservation that it lost: its crash may take back what was not made durable."""
    try:
        yield
    except NotFound as fault:
        raise DatabaseUnavailable("The database was interrupted; try again shortly.") from fault


def _can_lapse(plan: Plan) -> bool:
    return plan.concurrency is not None or plan.charged
