"""Brings back what has died and clears away what has expired, however many replicas do the same."""

from __future__ import annotations

import asyncio
import logging
import random

from serve_app.api.services import Services
from serve_app.errors import SpeechError

log = logging.getLogger("hark.api")


async def keep_up_forever(services: Services) -> None:
    """Bring back what has died, every few moments until cancelled; a fault is logged and tried again."""
    if services.keep_up is None:
        return
    while True:
        try:
            await services.keep_up()
        except Exception as error:  # it may be away for long: nothing may end the trying
            log.error("keeping_up_failed error=%s", type(error).__name__)
        await asyncio.sleep(services.settings.keep_up_every_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads replicas


async def sweep_forever(services: Services) -> None:
    """Sweep now and then until cancelled; a fault is logged and tried again."""
    while True:
        try:
            await sweep(services)
        except SpeechError as fault:
            log.warning("sweep_failed error_code=%s", fault.error_code)
        except Exception as error:  # nothing may end the sweeping
            log.error("sweep_failed error=%s", type(error).__name__)
        await asyncio.sleep(services.settings.sweep_every_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads replicas


async def sweep(services: Services) -> None:
    """Release lapsed reservations, forget old limits, keys and talks, delete transcripts whose retention has passed."""
    stores = services.stores
    released = await stores.ledger.sweep()
    if released:
        log.info("reservations_released count=%d", released)
    await stores.leases.sweep()
    await stores.quotas.sweep()
    await stores.idempotency.sweep()
    if services.text.chats is not None:
        await services.text.chats.sweep()
    while expired := await stores.transcripts.expire():
        log.info("transcripts_expired count=%d", expired)
