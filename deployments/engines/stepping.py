"""A thread that steps an engine of continuous batching for as long as there are answers to write."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Protocol

_JOIN_S = 30.0


class Job(Protocol):
    """One answer as the thread sees it. Its methods run on the thread."""

    def begin(self) -> None:
        """Hand the request to the engine."""

    def advance(self) -> bool:
        """Pass on what a step has made; returns whether the answer is over and the engine has let go of it."""

    def fail(self, error: Exception) -> None:
        """Give up: the engine has failed."""


class Stepper:
    """Begins jobs, steps while there are any, and lets each look at what a step has made."""

    def __init__(self, step: Callable[[], None], *, name: str) -> None:
        self._step = step
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: list[Job] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, job: Job) -> None:
        self._inbox.put(job)

    def close(self) -> None:
        """End the thread after the step that it is in; jobs that are left fail."""
        self._inbox.put(None)
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while self._admit():
            try:
                self._step()
            except Exception as error:  # whatever it was, nobody's answer can be gone on with
                self._fail(error)
            else:
                self._jobs = [job for job in self._jobs if _goes_on(job)]
        self._fail(RuntimeError("the engine was closed"))

    def _admit(self) -> bool:
        """Begin new jobs, waiting for one where there is none; returns whether to go on."""
        while not self._jobs or not self._inbox.empty():
            job = self._inbox.get()
            if job is None:
                return False
            try:
                job.begin()
            except Exception as error:
                job.fail(error)
            else:
                self._jobs.append(job)
        return True

    def _fail(self, error: Exception) -> None:
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.fail(error)


def _goes_on(job: Job) -> bool:
    try:
        return not job.advance()
    except Exception as error:
        job.fail(error)
        return False
