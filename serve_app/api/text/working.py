"""Work on a text for a request: admitted, stopped when its client is gone or its time is up, charged at its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Literal, TypeVar

from starlette.requests import Request

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Ticket
from serve_app.api.context import context_of, gate_of, services_of
from serve_app.api.hang_up import stopped, unless_hung_up
from serve_app.api.sse import HEARTBEAT, EventStream
from serve_app.errors import DatabaseUnavailable, ModelUnavailable

log = logging.getLogger("hark.api")

Feature = Literal["embed", "translate", "llm"]
T = TypeVar("T")

FIRST_MESSAGE_S = 30.0  # a stream waits this long with its status: a model that was resting may have to be loaded
_QUEUED_MESSAGES = 64


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
    return await unless_hung_up(request.receive, _in_time(work, services_of(request).settings.request_deadline_s))


async def event_stream(
    request: Request, stack: AsyncExitStack, messages: AsyncGenerator[bytes, None], *, heartbeat: bool = True
) -> EventStream:
    """Return a response that sends messages as they come and owns what the stack holds.

    A fault before the first message is raised here and becomes a proper response.
    """
    settings = services_of(request).settings
    pump = await stack.enter_async_context(_Pump(messages, deadline_s=settings.request_deadline_s))
    await unless_hung_up(request.receive, pump.begin(timeout_s=FIRST_MESSAGE_S))
    heartbeat_s = settings.heartbeat_s if heartbeat else settings.request_deadline_s
    return EventStream(pump.messages(heartbeat_s=heartbeat_s), resources=stack.pop_all())


async def _in_time(work: Coroutine[Any, Any, T], seconds: float) -> T:
    try:
        async with asyncio.timeout(seconds) as scope:
            return await work
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ModelUnavailable(f"The work did not end within {seconds:g} seconds; try again later.") from error


class _Pump:
    """Messages that one task makes and another reads: timeouts and groups inside the generator belong to the first.

    Leaving the context stops it.
    """

    def __init__(self, source: AsyncGenerator[bytes, None], *, deadline_s: float) -> None:
        self._source = source
        self._deadline_s = deadline_s
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_QUEUED_MESSAGES)
        self._first: list[bytes | None] = []

    async def __aenter__(self) -> _Pump:
        self._task = asyncio.create_task(self._drive())
        return self

    async def __aexit__(self, *_: object) -> None:
        await stopped(self._task)

    async def begin(self, *, timeout_s: float) -> None:
        """Return when there is a first message, or after the time; raises a fault that came before it."""
        try:
            async with asyncio.timeout(timeout_s):
                self._first.append(await self._next())
        except TimeoutError:
            return

    async def messages(self, *, heartbeat_s: float) -> AsyncIterator[bytes]:
        """Yield all messages, and a heartbeat where there is none for long; raises what stopped them."""
        while True:
            try:
                async with asyncio.timeout(heartbeat_s):
                    message = self._first.pop() if self._first else await self._next()
            except TimeoutError:
                yield HEARTBEAT
                continue
            if message is None:
                return
            yield message

    async def _next(self) -> bytes | None:
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def _drive(self) -> None:
        async def all_messages() -> None:
            async with aclosing(self._source):
                async for message in self._source:
                    await self._queue.put(message)

        try:
            await _in_time(all_messages(), self._deadline_s)
            await self._queue.put(None)
        except TimeoutError:  # where messages are read, one means that there is none yet
            await self._queue.put(ModelUnavailable("A model did not answer in time; try again shortly."))
        except Exception as error:  # raised where the messages are read
            await self._queue.put(error)
