"""In which order waiting jobs run: fair between tenants, short before long within one.

Between tenants this is start-time fair queueing (Goyal, Vin and Cheng, 1996). Every job costs its audio, in whole
minutes. A tenant's jobs stand one behind the other on a line of virtual time: each starts where the one before it
ends, and the first where the queue as a whole has come to (`virtual_time`: the highest start that was ever picked
up), so idle time earns nothing and past use is not held against anybody. Jobs run in the order of their starts.

What follows from it, whatever the speed and number of workers:
- while two tenants both have jobs waiting, the minutes that they are given differ by no more than the longest job of
  each; a tenant with a thousand files delays another's first file by no more than what already runs,
- nobody starves: before a job that starts at S only those run that start before S, which is a bounded amount of work
  of each tenant.

Within a tenant, jobs stand in the order of `submitted_s + audio_s * PATIENCE`: of what is sent together the shortest
runs first, and a file of an hour lets pass what comes within the next hour, not more. A new job may so push longer
ones of the same tenant back; the places handed out stay those of the tenant, so this costs nobody else.

Starts are whole minutes and go into an integer column: `priority` for a queue that takes the highest first
(Procrastinate), or `ORDER BY start, id`. 2**31 minutes of one tenant's audio are four thousand years.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

PATIENCE = 1.0  # seconds that a job waits for shorter ones of its tenant, per second of its audio


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A job's place in the line."""

    job_id: str
    audio_s: float
    submitted_s: float  # Unix time
    start: int = 0  # minutes of virtual time

    @property
    def end(self) -> int:
        return self.start + cost(self.audio_s)

    @property
    def priority(self) -> int:
        """Return the place as a priority: higher runs first."""
        return -self.start


def cost(audio_s: float) -> int:
    """Return what a job of this length costs: minutes rounded up, at least one."""
    return max(1, math.ceil(audio_s / 60))


def placed(new: Place, *, waiting: Sequence[Place], virtual_time: int, used_until: int) -> list[Place]:
    """Return the places of all waiting jobs of a tenant, the new one among them, in the order in which they run.

    `waiting` are the tenant's queued jobs that no worker has had yet; `used_until` is the highest `end` of all that
    workers had, 0 if there is none. A job that is queued again after a failed attempt keeps its place and counts as
    had. Starts of jobs that run before the new one stay as they are.
    """
    first = min((place.start for place in waiting), default=max(virtual_time, used_until))
    line: list[Place] = []
    for place in sorted([*waiting, new], key=_turn):
        line.append(replace(place, start=first))
        first = line[-1].end
    return line


def _turn(place: Place) -> tuple[float, float, str]:
    return place.submitted_s + place.audio_s * PATIENCE, place.submitted_s, place.job_id
