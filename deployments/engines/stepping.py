"""A thread that steps an engine of continuous batching for as long as there are answers to write."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Protocol


class Job(Protocol):
    """One answer as the thread sees it. Its methods run on the thread."""

    def begin(self) -> None:
        """Hand the request to the engine."""

    def advance(self) -> bool:
        """Pass on what a step has made; returns whether the answer is over and the engine has let go of it."""

    def fail(self, error: Exception) -> None:
        """Give up: the engine has failed."""


class Stepper:
    """Begins jobs, steps while there are any, and lets each look at what a step has made.

    A step that fails fails all jobs and ends the thread: what has failed once is not gone on with. `broken` is called.
    """

    def __init__(self, step: Callable[[], None], *, name: str, broken: Callable[[], None]) -> None:
        self._step = step
        self._broken = broken
        self._inbox: queue.SimpleQueue[Job] = queue.SimpleQueue()
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
                for job in self._jobs:
                    job.fail(error)
                self._broken()
                return
            self._jobs = [job for job in self._jobs if _goes_on(job)]

    def _admit(self) -> None:
        """Begin new jobs, waiting for one where there is none."""
        while not self._jobs or not self._inbox.empty():
            job = self._inbox.get()
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
