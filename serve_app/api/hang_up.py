"""Stop working for clients that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from serve_app.errors import ClientCancelled

T = TypeVar("T")


async def unless_hung_up(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result; when the client hangs up first, cancel the work and raise ClientCancelled.

    The request's body must have been read. However this ends, the work has ended when it returns.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientCancelled("The client hung up.")
    finally:
        await stopped(working, watching)


async def stopped(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until they have cleaned up; what they raise is dropped."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio would report it as forgotten


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
