"""Who comes when: arrivals by chance at a given rate, whatever becomes of those before them. No I/O."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["rest", "job", "socket"]
KINDS: tuple[Kind, ...] = ("rest", "job", "socket")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A recording that is sent again and again."""

    name: str
    path: Path
    audio_s: float
    weight: float = 1.0  # how often it is drawn, among the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request of the open loop."""

    at_s: float  # from the beginning of the measurement
    kind: Kind
    sound: Sound
    step: int  # of the plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of constant load."""

    name: str
    seconds: float
    rest: float = 0.0  # seconds of audio that arrive in a second, by kind
    job: float = 0.0
    socket: float = 0.0

    def rate_of(self, kind: Kind) -> float:
        return float({"rest": self.rest, "job": self.job, "socket": self.socket}[kind])


def plan_of(
    loads: Sequence[float], *, capacity: float, seconds: Sequence[float], job_share: float, sockets: float
) -> list[Step]:
    """Return steps at multiples of the capacity, of which `job_share` comes as jobs; sockets stay as many."""
    return [
        Step(
            name=f"{load:g} x",
            seconds=length,
            rest=load * capacity * (1 - job_share),
            job=load * capacity * job_share,
            socket=sockets,
        )
        for load, length in zip(loads, seconds, strict=True)
    ]


def arrivals(steps: Sequence[Step], sounds: Mapping[Kind, Sequence[Sound]], *, seed: int) -> list[Arrival]:
    """Draw a Poisson process for each kind and step; the same seed draws the same arrivals, in order of time."""
    found: list[Arrival] = []
    starts_s = 0.0
    for index, step in enumerate(steps):
        for kind in KINDS:
            # A chance for each: what one kind draws does not depend on how much another has drawn.
            chance = random.Random(f"{seed}/{index}/{kind}")  # noqa: S311 - for its repeatability
            for at_s in _poisson(chance, step, kind, sounds.get(kind, ())):
                sound = _drawn(chance, sounds[kind])
                found.append(Arrival(at_s=starts_s + at_s, kind=kind, sound=sound, step=index))
        starts_s += step.seconds
    return sorted(found, key=lambda arrival: arrival.at_s)


def regular(sounds: Sequence[Sound], *, at_once: float, seconds: float) -> list[Arrival]:
    """Return sockets at even distances, of which so many are open at a time."""
    if at_once <= 0:
        return []
    gap_s = mean_audio_s(sounds) / at_once
    n = math.ceil(seconds / gap_s)
    return [Arrival(at_s=i * gap_s, kind="socket", sound=sounds[i % len(sounds)], step=0) for i in range(n)]


def _poisson(chance: random.Random, step: Step, kind: Kind, sounds: Sequence[Sound]) -> Iterator[float]:
    rate = step.rate_of(kind)
    if rate <= 0 or not sounds:
        return
    per_s = rate / mean_audio_s(sounds)
    at_s = chance.expovariate(per_s)
    while at_s < step.seconds:
        yield at_s
        at_s += chance.expovariate(per_s)


def mean_audio_s(sounds: Sequence[Sound]) -> float:
    """Return the mean length of a drawn recording."""
    return sum(s.audio_s * s.weight for s in sounds) / sum(s.weight for s in sounds)


def _drawn(chance: random.Random, sounds: Sequence[Sound]) -> Sound:
    return chance.choices(sounds, weights=[s.weight for s in sounds])[0]
