"""A WebSocket from the handshake to the close: who calls, what it costs, and what went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Gate, Ticket
from serve_app.api.streaming.outbox import Outbox
from serve_app.api.streaming.services import StreamServices
from serve_app.errors import (
    ClientCancelled,
    DatabaseUnavailable,
    InsufficientCredits,
    InternalError,
    InvalidRequest,
    QuotaExceeded,
    RateLimited,
    SpeechError,
    ZeroBalance,
)

log = logging.getLogger("hark.streaming")

NORMAL, UNSUPPORTED, BAD_DATA, POLICY = 1000, 1003, 1007, 1008
TOO_BIG, FAILED, RESTART, TRY_LATER = 1009, 1011, 1012, 1013
FEATURE = "stt"


class ProtocolFault(InvalidRequest):
    """The client broke the protocol; `code` closes the socket."""

    def __init__(self, message: str, *, code: int = UNSUPPORTED) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,)


class Draining(Exception):
    """The service stops, or the session is too old: what was heard is written down, and the client comes back."""


GENTLE_ENDS = (Draining, InsufficientCredits, QuotaExceeded)
"""What ends a session from outside: what was heard by then is written down and told before the socket closes."""


class Dialect(Protocol):
    """Translates between a client and a session."""

    async def run(self, connection: Connection) -> None:
        """Talk until the session has ended in good order."""

    def error(self, fault: SpeechError) -> dict[str, Any]:
        """Return the message that tells of a fault."""


class Connection:
    """A socket that was accepted, with what its session holds."""

    def __init__(self, websocket: WebSocket, services: StreamServices, *, session_id: str, draining: asyncio.Event):
        self.websocket = websocket
        self.services = services
        self.session_id = session_id
        self._draining = draining
        self._broken = asyncio.Event()
        self._ticket: Ticket | None = None
        self._covered_s = 0.0
        self._paid_s = 0.0
        settings = services.settings
        self._ends_s = services.shared.clock() + settings.longest_s
        self._outbox = Outbox(
            websocket.send_json,
            room=settings.outbox,
            patience_s=settings.slow_reader_s,
            failed=self._broken.set,
        )

    def send(self, message: dict[str, Any], *, droppable: bool = False) -> None:
        """Send without waiting; one that may be dropped gives way to the next."""
        self._outbox.put(message, droppable=droppable)

    async def flush(self) -> None:
        await self._outbox.flushed()

    async def receive(self, *, patience_s: float) -> str | bytes:
        """Return the next text or binary frame.

        Raises WebSocketDisconnect, Draining, and ProtocolFault after `patience_s` without one or when the client does
        not read.
        """
        left_s = self._ends_s - self.services.shared.clock()
        if left_s <= 0:
            raise Draining
        frame = asyncio.ensure_future(self.websocket.receive())
        draining = asyncio.ensure_future(self._draining.wait())
        broken = asyncio.ensure_future(self._broken.wait())
        try:
            done, _ = await asyncio.wait(
                [frame, draining, broken], timeout=min(patience_s, left_s), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (frame, draining, broken):
                if not task.done():
                    task.cancel()
        if broken in done:
            raise ProtocolFault("The client does not read what is sent to it.", code=POLICY)
        if frame in done:
            message = frame.result()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            text, data = message.get("text"), message.get("bytes")
            return text if text is not None else data or b""
        if draining in done or left_s <= patience_s:
            raise Draining
        raise ProtocolFault(f"Nothing came for {patience_s:g} seconds.", code=POLICY)

    async def admit(self, caller: Caller, gate: Gate, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` with a slot, an allowance and credits held."""
        async with gate.admit(caller, feature=FEATURE, reference=self.session_id) as ticket:
            self._ticket = ticket
            await work()

    def surcharge(self, name: str) -> None:
        """Charge more than the plain price from now on."""
        if self._ticket is not None:
            self._ticket.surcharges = (*self._ticket.surcharges, name)

    async def cover(self, audio_s: float) -> None:
        """Set credits aside, in steps, before the audio is worked on. Raises QuotaExceeded or InsufficientCredits."""
        if self._ticket is None or audio_s <= self._covered_s:
            return
        step_s = self.services.settings.cover_s
        try:
            await self._ticket.cover(audio_s)
        except DatabaseUnavailable:  # asked for again with the next frame
            return
        except ZeroBalance as fault:  # there were some, and this session has them
            raise InsufficientCredits(fault.message, **fault.details) from fault
        self._paid_s = audio_s
        self._covered_s = (audio_s // step_s + 1) * step_s

    async def charge(self, audio_s: float) -> int:
        """Charge what was heard, once; return the credits it cost. What nothing covers any more is not charged."""
        ticket, self._ticket = self._ticket, None
        if ticket is None or audio_s <= 0:
            return 0
        try:
            return await ticket.complete(audio_s=audio_s)
        except (InsufficientCredits, QuotaExceeded):  # the end of the last step
            return await ticket.complete(audio_s=min(audio_s, self._paid_s))

    async def close(self, code: int = NORMAL) -> None:
        await self._outbox.close()
        with suppress(Exception):  # gone already
            async with asyncio.timeout(5):
                if self.websocket.application_state is WebSocketState.CONNECTED:
                    await self.websocket.close(code)


def close_code(fault: SpeechError) -> int:
    """Return the close code for a fault."""
    if isinstance(fault, ProtocolFault):
        return fault.code
    if isinstance(fault, RateLimited) or fault.status == 503:
        return TRY_LATER
    if fault.status in (401, 402, 403, 413, 429):
        return POLICY
    return UNSUPPORTED if 400 <= fault.status < 499 else FAILED


async def serve_socket(connection: Connection, dialect: Dialect) -> None:
    """Run a dialect over an accepted socket and close it as its end deserves."""
    code = NORMAL
    try:
        await dialect.run(connection)
    except WebSocketDisconnect:
        pass
    except Draining:
        code = RESTART
    except asyncio.CancelledError:
        code = RESTART
        raise
    except Exception as error:
        fault = error if isinstance(error, SpeechError) else InternalError("The session failed; connect again.")
        if not isinstance(fault, ClientCancelled):
            code = close_code(fault)
            connection.send(dialect.error(fault))
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await connection.flush()
        if fault is not error:
            log.error("session_failed session=%s error=%s", connection.session_id, type(error).__name__, exc_info=error)
    finally:
        await asyncio.shield(connection.close(code))
