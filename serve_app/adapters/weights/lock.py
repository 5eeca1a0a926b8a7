"""One pull at a time: a lock that the operating system releases when its process dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from serve_app.adapters.weights.sets import WeightsError

_POLL_S = 0.2


@contextmanager
def exclusive(path: Path, *, wait_s: float, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file while the block runs.

    Waits at most `wait_s`; says once, through `on_wait`, whom it waits for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(handle, path, deadline_s=time.monotonic() + wait_s, on_wait=on_wait)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, *, deadline_s: float, on_wait: Callable[[str], None]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode(errors="replace") or "unknown"
            if time.monotonic() >= deadline_s:
                raise WeightsError(
                    f"Another pull (process {holder}) still holds {path}: let it finish, or stop it and try again."
                ) from None
            if not told:
                on_wait(f"another pull is running (process {holder}); waiting for it")
                told = True
            time.sleep(_POLL_S)
        else:
            return
