"""Who is told to come back instead of waiting: requests whose turn, or end, would come too late.

By Little's law the time that work spends in a system is the work in it over the work done in a second. Both are known
where requests come in, from their progress, whatever models, replicas, jobs and sessions share the machines behind.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from serve_app.errors import ModelQueueFull
from serve_app.pipeline.load import INTERACTIVE, LONG, SHARES, Rate
from serve_app.ports.speech import Clock, Progress

LEAST_PAUSE_S, LONGEST_PAUSE_S = 1, 3600
_BUSY = "All models are busy; try again later."
_RATE_MEMORY_S = 30.0  # what was done longer ago counts less than half


@dataclass(frozen=True, slots=True, kw_only=True)
class SheddingSettings:
    """When a request is refused at once."""

    longest_wait_s: float = 12.0  # a short recording whose turn is further away is refused
    always_admitted: int = 6  # with fewer requests at work nobody is refused for the wait
    interactive_s: float = 60.0  # longer recordings wait for shorter ones, and may do so for half their length more
    least_speech: float = 0.5  # of a recording: for the rest of it, which may be silence, nobody is refused
    expected_audio_s: float = 15.0  # of a request whose recording has not been read yet
    sample_s: float = 5.0  # of work, in which the rate is measured: short recordings end in lumps


class Admitted:
    """One request at work."""

    def __init__(self, backlog: Backlog, account: str, deadline_s: float) -> None:
        self._backlog = backlog
        self._ends_s = backlog.clock() + deadline_s
        self.account = account
        self.audio_s = backlog.settings.expected_audio_s
        self.done = 0.0

    @property
    def left_s(self) -> float:
        """Seconds of audio still to be done."""
        return self.audio_s * (1 - self.done)

    @property
    def long(self) -> bool:
        return self.audio_s > self._backlog.settings.interactive_s

    def finished(self) -> None:
        """All of it is done."""
        left_s, self.done = self.left_s, 1.0
        self._backlog.worked(left_s)

    def learned(self, progress: Progress) -> None:
        """Take what is known now. Raises ModelQueueFull while a recording is read that would come too late."""
        reading = progress.stage == "decoding"
        # While it is read, the length so far is the least it can be.
        audio_s = max(self.audio_s, progress.audio_s) if reading else progress.audio_s or self.audio_s
        done_s = audio_s * progress.done - self.audio_s * self.done
        self.audio_s, self.done = audio_s, progress.done
        self._backlog.worked(max(done_s, 0.0))
        if reading:
            self._backlog.check_end(self, self._ends_s - self._backlog.clock())


class Backlog:
    """The requests at work in this process, and how fast they get done."""

    def __init__(self, settings: SheddingSettings | None = None, *, clock: Clock = time.monotonic) -> None:
        self.settings = settings or SheddingSettings()
        self.clock = clock
        self._at_work: set[Admitted] = set()
        self._arriving: set[Admitted] = set()
        self._measured = Rate(_RATE_MEMORY_S)  # with work for everybody
        self._sampled_audio_s = self._sampled_s = 0.0
        self._filled = False  # once models have given something
        self._last_s = clock()

    @contextmanager
    def arriving(self, account: str) -> Iterator[None]:
        """Count a request as work while it is sent. Raises ModelQueueFull as `check_wait` does, before any of that.

        Who comes meanwhile waits for it too: without it many would be let in together, and refused with all they sent.
        """
        self.check_wait(account)
        request = Admitted(self, account, math.inf)
        self._arriving.add(request)
        try:
            yield
        finally:
            self._arriving.discard(request)

    @contextmanager
    def admitted(self, account: str, *, deadline_s: float) -> Iterator[Admitted]:
        """Let a request be at work for the block. Raises ModelQueueFull when it would wait for too long."""
        self.check_wait(account, deadline_s)
        request = Admitted(self, account, deadline_s)
        self.worked(0.0)  # time before it came is measured with those that were here
        self._at_work.add(request)
        try:
            yield request
        finally:
            self.worked(0.0)
            self._at_work.discard(request)

    def check_wait(self, account: str, deadline_s: float = math.inf) -> None:
        """Raise ModelQueueFull when a short recording of this account, sent now, would wait for too long.

        Cheap, and true before the recording itself arrives.
        """
        if not self._crowded:
            return
        longest_s = min(self.settings.longest_wait_s, deadline_s)
        wait_s = self.wait_s(account)
        if wait_s > longest_s:
            raise _refused(_BUSY, wait_s - longest_s)

    def check_end(self, request: Admitted, left_s: float) -> None:
        """Raise ModelQueueFull when a recording cannot be done in the time that its request has left, or is a long one
        that would wait for more than half its length beside what short ones wait.
        """
        if self._rate <= 0:
            return
        own_s = request.left_s * self.settings.least_speech / self._rate
        others = [r for r in self._at_work if r is not request]
        if request.long:
            wait_s = self._before_a_long_one_s(others, request) / self._rate
            longest_s = self.settings.longest_wait_s + request.audio_s / 2
            if self._crowded and wait_s > longest_s:
                raise _refused(_BUSY, wait_s - longest_s)
        else:
            wait_s = _before_a_short_one_s(others, request.account, request.left_s) / self._rate
        if own_s + wait_s > left_s:
            message = "The recording cannot be transcribed in the time that the request has."
            raise _refused(message, own_s + wait_s - left_s)

    def wait_s(self, account: str) -> float:
        """Return how long a short recording of this account would wait for its turn; 0 when that is not known."""
        if self._rate <= 0:
            return 0.0
        others = [*self._arriving, *self._at_work]
        return _before_a_short_one_s(others, account, self.settings.expected_audio_s) / self._rate

    @property
    def _crowded(self) -> bool:
        return len(self._at_work) + len(self._arriving) >= self.settings.always_admitted

    def _before_a_long_one_s(self, others: Sequence[Admitted], request: Admitted) -> float:
        """Return the audio done beside `request` before its end: of long ones, and of short ones by their share.

        Where these have to wait themselves, more of them will come.
        """
        long_s = _ahead_s([r for r in others if r.long], request.account, request.left_s)
        short_s = sum(r.left_s for r in others if not r.long)
        share_s = (long_s + request.left_s) * SHARES[INTERACTIVE] / SHARES[LONG]
        go_on = short_s / self._rate > self.settings.longest_wait_s / 2
        return long_s + (share_s if go_on else min(short_s, share_s))

    def worked(self, audio_s: float) -> None:
        """So much audio was done since the last call. Measured with enough requests at work to keep all models so."""
        now = self.clock()
        elapsed_s, self._last_s = now - self._last_s, now
        if len(self._at_work) < min(self.settings.always_admitted, 4):
            return
        self._sampled_audio_s += audio_s
        self._sampled_s += elapsed_s
        if self._sampled_s >= self.settings.sample_s:
            self._take(self._sampled_audio_s, self._sampled_s)
            self._sampled_audio_s = self._sampled_s = 0.0

    def _take(self, audio_s: float, in_s: float) -> None:
        """Add a sample. Work ends in lumps: a mean that rises faster than it falls would promise what never was."""
        if not self._filled:
            self._filled = audio_s > 0  # the first sample is of models that were only being filled
            return
        self._measured.add(audio_s, in_s)

    @property
    def _rate(self) -> float:
        return self._measured.value


def _before_a_short_one_s(requests: Sequence[Admitted], account: str, own_s: float) -> float:
    """Return the audio done before `own_s` more of an account's short recordings, with the long ones' share of it."""
    short_s = _ahead_s([r for r in requests if not r.long], account, own_s)
    long_s = sum(r.left_s for r in requests if r.long)
    return short_s + min(long_s, short_s * SHARES[LONG] / SHARES[INTERACTIVE])


def _ahead_s(requests: Sequence[Admitted], account: str, own_s: float) -> float:
    """Return the audio done before `own_s` more of an account's are: accounts take turns."""
    left_s: dict[str, float] = defaultdict(float)
    for request in requests:
        left_s[request.account] += request.left_s
    mine_s = left_s.pop(account, 0.0)
    return mine_s + sum(min(others_s, mine_s + own_s) for others_s in left_s.values())


def _refused(message: str, wait_s: float) -> ModelQueueFull:
    return ModelQueueFull(message, retry_after_s=min(max(math.ceil(wait_s), LEAST_PAUSE_S), LONGEST_PAUSE_S))
