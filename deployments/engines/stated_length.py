"""How long a recording says it is, from its header alone, before anything of it is decoded."""

from __future__ import annotations

import io
import os

from tinytag import TinyTag

_MOST_BYTES = 1 << 20  # of the file: some formats have to be walked through to be told, which may take seconds


def stated_duration_s(path: str) -> float | None:
    """Return the stated length in seconds, or None where the header says none or would take long to find.

    Never longer than the bytes that are there allow: a file written to a pipe, or cut short, states what it likes.
    """
    try:
        with _Sparing(path) as file:
            stated = TinyTag.get(path, file_obj=io.BufferedReader(file), tags=False)
    except Exception:  # a header is whatever a client sent; what is wrong with it the decoder says
        return None
    if not stated.duration or not stated.bitrate:
        return None
    return min(stated.duration, os.path.getsize(path) * 8 / (stated.bitrate * 1000))


class _Sparing(io.FileIO):
    """A file of which only so much may be read. Raises EOFError then."""

    _left = _MOST_BYTES

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:  # type: ignore[override]
        if self._left <= 0:
            raise EOFError(f"More than {_MOST_BYTES} bytes would have to be read.")
        n_read = super().readinto(buffer)
        self._left -= n_read or 0
        return n_read
