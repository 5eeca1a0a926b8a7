"""Files that live as long as one request: uploads and downloads on their way to the decoder."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_PREFIX = "upload-"
_SWEEP_AGE_S = 60.0  # a file younger than this may not be locked by its owner yet


@asynccontextmanager
async def spooled_path(spool_dir: Path) -> AsyncIterator[str]:
    """Hold a new empty file in the spool; it is removed at the end, however that comes.

    The file is locked meanwhile, so that a sweep knows it is in use; the lock dies with the process.
    """
    descriptor, path = _create(spool_dir)
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):  # a fetch that failed has removed it already
            os.unlink(path)
        # The last close frees the blocks, which takes a while for a large file. The thread does it come what may.
        await asyncio.get_running_loop().run_in_executor(None, os.close, descriptor)


def _create(spool_dir: Path) -> tuple[int, str]:
    spool_dir.mkdir(parents=True, exist_ok=True)
    descriptor, path = tempfile.mkstemp(prefix=_PREFIX, dir=spool_dir)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor, path


def sweep_spool(spool_dir: Path, *, older_than_s: float = _SWEEP_AGE_S) -> int:
    """Remove the uploads that no process holds any more; returns how many."""
    swept = 0
    for path in spool_dir.glob(f"{_PREFIX}*"):
        try:
            if time.time() - path.stat().st_mtime < older_than_s:
                continue
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            swept += 1
        except OSError:
            continue  # in use, or another replica swept it first
    return swept
