"""Work on a text for a request: admitted, stopped when its client is gone or its time is up, charged at its end."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal, TypeVar

from starlette.requests import Request

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Ticket
from serve_app.api.context import context_of, gate_of, services_of
from serve_app.api.hang_up import unless_hung_up
from serve_app.api.pump import Pump, time_limit
from serve_app.api.sse import HEARTBEAT, EventStream
from serve_app.errors import DatabaseUnavailable

log = logging.getLogger("hark.api")

Feature = Literal["embed", "translate", "llm"]
T = TypeVar("T")

FIRST_MESSAGE_S = 30.0  # a stream waits this long with its status: a model that was resting may have to be loaded


@asynccontextmanager
async def admitted(request: Request, caller: Caller, *, feature: Feature, characters: int) -> AsyncIterator[Ticket]:
    """Hold a ticket that covers a text. Raises ConcurrencyLimit, QuotaExceeded, ZeroBalance, InsufficientCredits."""
    reference = context_of(request.scope).request_id
    async with gate_of(request).admit(caller, feature=feature, reference=reference, work="text") as ticket:
        await ticket.cover_text(characters)
        yield ticket


async def charged(request: Request, ticket: Ticket, *, characters: int) -> None:
    """Settle a ticket. Work that is done is handed over even while the database is away."""
    try:
        await ticket.complete_text(characters)
    except DatabaseUnavailable:
        log.error("text_work_not_recorded request_id=%s", context_of(request.scope).request_id)


async def worked(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result. It is stopped when the client hangs up, or at the deadline (ModelUnavailable)."""
    deadline_s = services_of(request).settings.request_deadline_s

    async def in_time() -> T:
        async with time_limit(deadline_s, _late(deadline_s)):
            return await work

    return await unless_hung_up(request.receive, in_time())


async def event_stream(
    request: Request, stack: AsyncExitStack, messages: AsyncGenerator[bytes, None], *, heartbeat: bool = True
) -> EventStream:
    """Return a response that sends messages as they come and owns what the stack holds.

    A fault before the first message is raised here and becomes a proper response.
    """
    settings = services_of(request).settings
    deadline_s = settings.request_deadline_s
    pump = await stack.enter_async_context(Pump(messages, deadline_s=deadline_s, late=_late(deadline_s)))
    await unless_hung_up(request.receive, pump.begin(timeout_s=FIRST_MESSAGE_S))
    items = pump.items(every_s=settings.heartbeat_s if heartbeat else deadline_s)
    return EventStream(_with_heartbeats(items), resources=stack.pop_all())


async def _with_heartbeats(messages: AsyncIterator[bytes | None]) -> AsyncIterator[bytes]:
    async for message in messages:
        yield HEARTBEAT if message is None else message


def _late(seconds: float) -> str:
    return f"The work did not end within {seconds:g} seconds; try again later."
