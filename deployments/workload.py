"""What one engine has to do, how busy it is with it and how fast: measured where the work passes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serve_app.pipeline.load import PRIORITIES, Load, Rate
from serve_app.ports.speech import Clock

BUSY_MEMORY_S = 10.0  # shorter than any delay of scaling, longer than a batch
REALTIME_MEMORY_S = 60.0  # who speaks goes on after a pause
_SESSIONS_SHARE = 0.05  # of the engine; what one that ended leaves in the memory is less after two minutes
RATE_MEMORY_S = 60.0  # of work: what an engine did before as much of it counts half


class WorkMeter:
    """Counts one engine's work in seconds of audio. May be called from any thread."""

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = [0.0] * len(PRIORITIES)
        self._items = [0] * len(PRIORITIES)
        self._busy = _Fading(BUSY_MEMORY_S, clock())
        self._realtime = _Fading(REALTIME_MEMORY_S, clock())
        self._all, self._full = Rate(RATE_MEMORY_S), Rate(RATE_MEMORY_S)
        self._began_s: float | None = None

    @contextmanager
    def queued(self, audio_s: float, priority: int) -> Iterator[Callable[[], None]]:
        """Count work as waiting until the engine takes it, which calls what is yielded, or the block ends."""
        waits = True

        def taken() -> None:
            nonlocal waits
            with self._lock:
                if waits:
                    waits = False
                    self._items[priority] -= 1
                    # Sums of floats taken apart in another order leave something, and a model would never rest.
                    self._waiting[priority] = self._waiting[priority] - audio_s if self._items[priority] else 0.0

        with self._lock:
            self._items[priority] += 1
            self._waiting[priority] += audio_s
        try:
            yield taken
        finally:
            taken()

    def began(self) -> None:
        """The engine starts on something."""
        with self._lock:
            self._began_s = self._clock()

    def ended(self, audio_s: float = 0.0, *, realtime_s: float = 0.0, full: bool = False) -> None:
        """The engine has done so much audio since it began, `realtime_s` of it for sessions; none: other work.

        `full`: not more could have been done in the same time.
        """
        with self._lock:
            began_s, now = self._began_s, self._clock()
            self._began_s = None
            if began_s is None or now <= began_s:
                return
            if audio_s > 0:
                self._all.add(audio_s, now - began_s)
                if full:
                    self._full.add(audio_s, now - began_s)
            share = realtime_s / audio_s if audio_s > 0 else 0.0
            used = self._used(audio_s, now - began_s)
            self._busy = self._busy.after(began_s, now, used)
            self._realtime = self._realtime.after(began_s, now, used * share)

    @contextmanager
    def working(self, audio_s: float) -> Iterator[None]:
        """The block is the engine's work on one item, which it takes one at a time; what fails counts for no audio."""
        self.began()
        try:
            yield
        except BaseException:
            self.ended()
            raise
        self.ended(audio_s, full=True)

    def load(self) -> Load:
        """Return what callers are told."""
        with self._lock:
            return Load(waiting_audio_s=tuple(self._waiting), rate=self._rate)

    def serves_sessions(self) -> bool:
        """Tell whether sessions have used the engine of late."""
        with self._lock:
            return self._realtime.at(self._clock()) > _SESSIONS_SHARE

    def stats(self) -> dict[str, float]:
        """Return what the scaling policy reads; shares are of this one replica."""
        with self._lock:
            now = self._clock()
            busy = self._busy if self._began_s is None else self._busy.after(self._began_s, now, 1.0)
            return {
                "waiting_audio_s": sum(self._waiting),
                "busy_share": busy.at(now),
                "realtime_share": self._realtime.at(now),
                "rate": self._rate,
            }

    @property
    def _rate(self) -> float:
        """What full batches make; where there was none yet, what was."""
        return self._full.value or self._all.value

    def _used(self, audio_s: float, duration_s: float) -> float:
        """Return the share of its capacity that the engine used: half a batch on a GPU takes as long as a whole one."""
        return min(audio_s / duration_s / self._rate, 1.0) if audio_s > 0 and self._rate else 1.0


class _Fading:
    """The mean of a level over the past; what is older counts less."""

    def __init__(self, memory_s: float, now: float, value: float = 0.0) -> None:
        self._memory_s = memory_s
        self._now = now
        self._value = value

    def at(self, now: float) -> float:
        """Return the mean if the level has been 0 since."""
        return self._value * math.exp(-max(now - self._now, 0.0) / self._memory_s)

    def after(self, start: float, end: float, level: float) -> _Fading:
        """Return the mean after a stretch of `level`, with 0 before it."""
        kept = math.exp(-(end - start) / self._memory_s)
        return _Fading(self._memory_s, end, self.at(start) * kept + level * (1 - kept))
