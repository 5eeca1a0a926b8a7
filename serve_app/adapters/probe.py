"""How long a stored recording claims to last, from the few blocks of it that say so."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import aclosing
from typing import Any

from serve_app.errors import SpeechError
from serve_app.ports.objects import ByteRange, ObjectStore

_BLOCK_BYTES = 256 * 1024
_MOST_BYTES = 8 * 1024 * 1024  # a file that does not say it in so much of it is measured when it is decoded
_READ_TIMEOUT_S = 10.0
_LONGEST_BELIEVED_S = 30 * 86_400.0
# What may be looked at without being asked: nothing in here opens other files or URLs.
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,"
    "ogg,opus,tta,w64,wav,wv"
)


class ObjectProbe:
    """A DurationProbe over an object store. The answer is a claim: the decoder finds out the truth."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def __call__(self, key: str) -> float | None:
        found = await self._objects.stat(key)
        if found is None or not found.size_bytes:
            return None
        loop = asyncio.get_running_loop()
        file = _StoredFile(lambda start, stop: self._block(key, start, stop, loop), size_bytes=found.size_bytes)
        return await asyncio.to_thread(_duration_s, file)

    def _block(self, key: str, start: int, stop: int, loop: asyncio.AbstractEventLoop) -> bytes:
        reading = asyncio.run_coroutine_threadsafe(self._read(key, ByteRange(start=start, stop=stop)), loop)
        try:
            return reading.result(_READ_TIMEOUT_S)
        except (FutureTimeout, SpeechError):
            reading.cancel()
            return b""

    async def _read(self, key: str, wanted: ByteRange) -> bytes:
        async with aclosing(self._objects.read(key, wanted)) as chunks:
            return b"".join([chunk async for chunk in chunks])


class _StoredFile:
    """What FFmpeg reads: blocks of the object as it asks for them, and the end of the file after so many."""

    def __init__(self, block: Any, *, size_bytes: int) -> None:
        self._block = block
        self._size_bytes = size_bytes
        self._at = 0
        self._left_bytes = _MOST_BYTES
        self._kept: dict[int, bytes] = {}

    def read(self, n_bytes: int) -> bytes:
        number, offset = divmod(self._at, _BLOCK_BYTES)
        if self._at >= self._size_bytes or n_bytes <= 0:
            return b""
        if number not in self._kept:
            if self._left_bytes <= 0:
                return b""
            start = number * _BLOCK_BYTES
            self._kept[number] = self._block(start, min(start + _BLOCK_BYTES, self._size_bytes))
            self._left_bytes -= _BLOCK_BYTES
        piece = self._kept[number][offset : offset + n_bytes]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def _duration_s(file: _StoredFile) -> float | None:
    import av

    try:
        with av.open(
            file,
            mode="r",
            container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "none"},
            metadata_errors="replace",
            io_open=_refuse_to_open,
        ) as container:
            microseconds = container.duration
    except Exception:  # PyAV raises builtins and its own tree; whoever decodes the file tells what is wrong with it
        return None
    seconds = microseconds / 1e6 if microseconds else 0.0
    return seconds if 0 < seconds < _LONGEST_BELIEVED_S else None


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> Any:
    raise PermissionError("a media file may not open other files")
