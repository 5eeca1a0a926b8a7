"""Bytes on their way to and from a store: off the event loop, in even pieces, within a limit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import ParamSpec, TypeVar

from serve_app.errors import FileTooLarge, StorageUnavailable
from serve_app.ports.objects import Content

CHUNK_BYTES = 1 << 20

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(executor: Executor | None, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call off the event loop.

    Cancellation takes effect once the call is over, so that files and sockets are not closed under its hands.
    """
    running = asyncio.get_running_loop().run_in_executor(executor, lambda: call(*args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # seen, so that nobody warns of it
        raise


async def on_disk(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run file operations off the event loop; a disk that is full or fails is StorageUnavailable."""
    try:
        return await in_thread(None, call, *args, **kwargs)
    except OSError as error:
        message = "The storage cannot be written or read; try again shortly."
        raise StorageUnavailable(message, retry_after_s=30, reason=type(error).__name__) from error


async def bounded_chunks(
    content: Content, *, chunk_bytes: int = CHUNK_BYTES, max_bytes: int | None = None
) -> AsyncGenerator[bytes]:
    """Yield a content in chunks of exactly `chunk_bytes`, but for the last.

    Raises FileTooLarge as soon as more than `max_bytes` have come.
    """
    n_bytes = 0
    waiting = bytearray()
    async for piece in _pieces(content):
        n_bytes += len(piece)
        if max_bytes is not None and n_bytes > max_bytes:
            raise FileTooLarge(f"The file has more than the {max_bytes} bytes allowed.", limit=max_bytes)
        for start in range(0, len(piece), chunk_bytes):
            waiting += piece[start : start + chunk_bytes]
            if len(waiting) >= chunk_bytes:
                yield bytes(waiting[:chunk_bytes])
                del waiting[:chunk_bytes]
    if waiting:
        yield bytes(waiting)


async def save(chunks: AsyncGenerator[bytes], to_path: str | Path) -> None:
    """Write chunks to a file; after an error, or when cancelled, there is none."""
    path = Path(to_path)
    done = False
    async with contextlib.aclosing(chunks):
        try:
            with await on_disk(path.open, "wb") as file:
                async for chunk in chunks:
                    await on_disk(file.write, chunk)
            done = True
        finally:
            if not done:
                await on_disk(path.unlink, missing_ok=True)


def _pieces(content: Content) -> AsyncIterable[bytes]:
    return _file_pieces(content) if isinstance(content, str | Path) else content


async def _file_pieces(path: str | Path) -> AsyncGenerator[bytes]:
    with await on_disk(Path(path).open, "rb") as file:
        while piece := await on_disk(file.read, CHUNK_BYTES):
            yield piece
