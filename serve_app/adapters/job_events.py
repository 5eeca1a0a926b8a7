"""Deliver what clients are to hear of their jobs, as often as it takes, by whichever worker comes first."""

from __future__ import annotations

import asyncio
import logging

from serve_app.adapters.webhooks import Delivered, Retry, WebhookSender
from serve_app.errors import DatabaseUnavailable
from serve_app.jobs.ports import Delivery, JobStores
from serve_app.jobs.secrets import webhook_secret

log = logging.getLogger("hark.jobs")

_LEASE_S = 60.0  # longer than any attempt; a worker that dies meanwhile leaves the event to the next one
_AT_ONCE = 8


class EventDelivery:
    """Makes the attempts that are due. An event may come twice, under the same id."""

    def __init__(self, *, stores: JobStores, sender: WebhookSender, key: bytes) -> None:
        self._stores = stores
        self._sender = sender
        self._key = key

    async def deliver_due(self) -> int:
        """Make one round of attempts; return how many were due."""
        due = await self._stores.jobs.due_events(limit=_AT_ONCE, lease_s=_LEASE_S)
        async with asyncio.TaskGroup() as group:
            for delivery in due:
                group.create_task(self._attempt(delivery))
        return len(due)

    async def _attempt(self, delivery: Delivery) -> None:
        secret = webhook_secret(self._key, delivery.account_id)
        outcome = await self._sender.deliver(delivery.url, secret, delivery.event, attempt=delivery.attempt)
        again_after_s = outcome.after_s if isinstance(outcome, Retry) else None
        told = f"delivered: {outcome.status}" if isinstance(outcome, Delivered) else outcome.reason
        log.info(
            "event_attempted delivery_id=%s attempt=%d outcome=%s",
            delivery.id, delivery.attempt, type(outcome).__name__,
        )  # fmt: skip
        try:
            await self._stores.jobs.settle_event(delivery.id, outcome=told, again_after_s=again_after_s)
        except DatabaseUnavailable:
            log.warning("event_not_settled delivery_id=%s", delivery.id)  # it comes again when its lease is over
