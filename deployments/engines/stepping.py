"""A thread that steps an engine of continuous batching for as long as there are answers to write."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol


class Job(Protocol):
    """One answer as the thread sees it. Its methods run on the thread."""

    @property
    def owner(self) -> str:
        """Whose it is; owners take turns."""

    @property
    def unread(self) -> int:
        """How many tokens of its prompt the engine has still to read, at most."""

    def begin(self) -> None:
        """Hand the request to the engine."""

    def advance(self) -> bool:
        """Pass on what a step has made; returns whether the answer is over and the engine has let go of it.

        Of a job that has not begun: whether nobody wants it any more.
        """

    def fail(self, error: Exception) -> None:
        """Give up: the engine has failed."""


class Stepper:
    """Begins jobs, steps while there are any, and lets each look at what a step has made.

    Engines read prompts one after the other. So a job begins only when those before it have less than `ahead` tokens
    left to read, and next is one of the owner that has the fewest under way: until then it can be overtaken. A step
    that fails fails all jobs and ends the thread: what has failed once is not gone on with. `broken` is called.
    """

    def __init__(self, step: Callable[[], None], *, ahead: int, name: str, broken: Callable[[], None]) -> None:
        self._step = step
        self._ahead = ahead
        self._broken = broken
        self._inbox: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._waiting: list[Job] = []
        self._jobs: list[Job] = []
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, job: Job) -> None:
        self._inbox.put(job)

    def _run(self) -> None:
        while True:
            self._admit()
            try:
                self._step()
            except Exception as error:
                for job in (*self._jobs, *self._waiting):
                    job.fail(error)
                self._broken()
                return
            self._jobs = [job for job in self._jobs if _goes_on(job)]
            self._waiting = [job for job in self._waiting if _goes_on(job)]

    def _admit(self) -> None:
        """Begin new jobs, waiting for one where there is none."""
        while True:
            while not self._inbox.empty() or not (self._jobs or self._waiting):
                self._waiting.append(self._inbox.get())
            while self._waiting and sum(job.unread for job in self._jobs) < self._ahead:
                self._begin_next()
            if self._jobs:
                return

    def _begin_next(self) -> None:
        under_way = Counter(job.owner for job in self._jobs)
        job = min(self._waiting, key=lambda each: under_way[each.owner])
        self._waiting.remove(job)
        try:
            job.begin()
        except Exception as error:
            job.fail(error)
        else:
            self._jobs.append(job)


def _goes_on(job: Job) -> bool:
    try:
        return not job.advance()
    except Exception as error:
        job.fail(error)
        return False
