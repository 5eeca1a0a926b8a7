"""What is simulated: a service that is never without work, a burst, one file alone, a load that comes and goes."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.scale.simulation.calibration import Calibration
from benchmarks.scale.simulation.clock import SimulatedLoop, simulate
from benchmarks.scale.simulation.deployment import Autoscaler
from benchmarks.scale.simulation.engines import Track, track_of
from benchmarks.scale.simulation.service import COORDINATOR, Shape, SimulatedService, ideal_rate
from serve_app.errors import ModelQueueFull, SpeechError

HOUR_S = 3600.0
HOURS: Mapping[float, int] = {HOUR_S: 1}
MIX: Mapping[float, int] = {10.0: 60, 60.0: 20, 600.0: 15, HOUR_S: 5}  # seconds: how often
_TRACKS = 8  # different recordings of each length
_TRIES = 1000  # of one request that is refused again and again
_WARM_UP_SHARE = 0.25  # of the audio, before and after what is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a simulated service got through."""

    recognizers: int
    requests: int
    audio_s: float
    makespan_s: float  # simulated, from the first request to the last answer
    rate: float  # audio-seconds a second while it had all it could do
    busy: float  # share of that time that its recognizers worked
    windows: int
    took_s: tuple[float, ...]  # simulated, of each request that was answered
    failed: dict[str, int] = field(default_factory=dict)
    sent_again: int = 0  # refused for the moment, and sent again when that said so
    cpu_s: dict[str, float] = field(default_factory=dict)  # real, by account
    real_s: float = 0.0
    replicas: tuple[tuple[float, int], ...] = ()  # when there were how many, where they were scaled

    @property
    def coordinator_cpu_s_per_hour(self) -> float:
        """Real CPU seconds of pipeline code for an hour of audio."""
        return self.cpu_s.get(COORDINATOR, 0.0) / self.audio_s * HOUR_S


@dataclass(frozen=True, kw_only=True)
class Work:
    """Requests, so many at a time: the next begins when one ends."""

    lengths: Mapping[float, int]
    audio_hours: float
    at_once: int
    diarize: bool = False
    together: bool = False  # the first ones begin at once; otherwise one after the other, as if they always had
    seed: int = 0

    def seconds(self) -> Iterator[float]:
        """Deal lengths until there is as much audio as asked for, from packs in which each is as often as it should be.

        Drawn one by one, a few more or fewer long ones would weigh more than what is measured.
        """
        chance = random.Random(self.seed)  # noqa: S311 - for its repeatability
        pack = [length_s for length_s, often in self.lengths.items() for _ in range(often)]
        dealt_s = 0.0
        while True:
            for length_s in chance.sample(pack, len(pack)):
                if dealt_s >= self.audio_hours * HOUR_S - 1e-6:
                    return
                dealt_s += length_s
                yield length_s


def run_work(calibration: Calibration, shape: Shape, work: Work) -> Outcome:
    """Simulate it from the first request to the last answer."""
    return simulate(lambda loop: _worked(calibration, shape, work, loop))


async def _worked(calibration: Calibration, shape: Shape, work: Work, loop: SimulatedLoop) -> Outcome:
    began_s = time.perf_counter()
    service = SimulatedService(calibration, shape, loop)
    lengths = list(work.seconds())
    tracks = tracks_of(calibration, set(lengths))
    total_s = sum(lengths)
    took_s: list[float] = []
    failed: Counter[str] = Counter()
    refused = 0
    ticks = [_tick(service, 0.0)]
    turn = iter(list(enumerate(lengths)))
    begun_s = 0.0

    # Callers that began together would end together, and leave the service without work at once.
    usual_s = (
        work.at_once * total_s / len(lengths) / shape.recognizers / ideal_rate(calibration, max_batch=shape.max_batch)
    )

    async def answer(n: int, length_s: float) -> None:
        nonlocal refused
        for _ in range(_TRIES):
            try:
                await service.transcribe(tracks[length_s][n % _TRACKS], f"request-{n}", diarize=work.diarize)
                return
            except ModelQueueFull as refusal:
                refused += 1
                await asyncio.sleep(refusal.retry_after_s or 1)
        raise ModelQueueFull("It was refused too often.")

    async def caller(number: int) -> None:
        nonlocal begun_s
        if not work.together:
            await asyncio.sleep(number * usual_s / work.at_once)
        for n, length_s in turn:
            begun_s += length_s
            ticks.append(_tick(service, begun_s / total_s))
            started_s = loop.time()
            try:
                await answer(n, length_s)
                took_s.append(loop.time() - started_s)
            except SpeechError as fault:
                failed[type(fault).__name__] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(work.at_once):
            group.create_task(caller(number))
    work_rate = _steady(ticks)
    return Outcome(
        recognizers=shape.recognizers,
        requests=len(lengths),
        audio_s=total_s,
        makespan_s=loop.time(),
        # By the audio for which all of the work was done: which lengths are in hand at a time is chance.
        rate=work_rate * total_s / service.worked_s,
        busy=work_rate / len(service.recognizers.replicas),
        windows=service.windows,
        took_s=tuple(took_s),
        failed=dict(failed),
        sent_again=refused,
        cpu_s=dict(loop.cpu_s),
        real_s=time.perf_counter() - began_s,
    )


@dataclass(frozen=True, slots=True)
class _Tick:
    at_s: float
    begun: float  # share of the audio whose requests had begun
    worked_s: float


def _tick(service: SimulatedService, begun: float) -> _Tick:
    return _Tick(service.loop.time(), begun, service.worked_s)


def _steady(ticks: Sequence[_Tick]) -> float:
    """Return how many recognizers worked, on average, between the warm-up and the last request's begin."""
    first = next((t for t in ticks if t.begun >= _WARM_UP_SHARE and t.at_s > 0), ticks[0])
    last = ticks[-1]
    length_s = last.at_s - first.at_s
    return (last.worked_s - first.worked_s) / length_s if length_s > 0 else 0.0


def tracks_of(calibration: Calibration, lengths: set[float]) -> dict[float, list[Track]]:
    """Make recordings of each length; every run has the same ones."""
    return {length_s: [track_of(calibration, length_s, seed=seed) for seed in range(_TRACKS)] for length_s in lengths}


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Requests that arrive by chance for a while, and then no more: what autoscaling is for."""

    length_s: float
    per_s: float  # requests
    begins_s: float
    ends_s: float
    quiet_s: float  # afterwards, until the simulation ends
    at_most: int  # recognizers
    seed: int = 0


def run_wave(calibration: Calibration, shape: Shape, wave: Wave) -> Outcome:
    """Simulate a load that comes and goes, the service's policy deciding how many recognizers there are."""
    return simulate(lambda loop: _waved(calibration, shape, wave, loop))


async def _waved(calibration: Calibration, shape: Shape, wave: Wave, loop: SimulatedLoop) -> Outcome:
    began_s = time.perf_counter()
    service = SimulatedService(calibration, shape, loop)
    scaler = Autoscaler(deployment=service.recognizers, at_least=shape.recognizers, at_most=wave.at_most)
    scaling = asyncio.create_task(scaler.run())
    tracks = tracks_of(calibration, {wave.length_s})[wave.length_s]
    chance = random.Random(wave.seed)  # noqa: S311 - for its repeatability
    took_s: list[float] = []
    failed: Counter[str] = Counter()
    n_requests = 0

    async def one(n: int) -> None:
        started_s = loop.time()
        try:
            await service.transcribe(tracks[n % _TRACKS], f"request-{n}")
            took_s.append(loop.time() - started_s)
        except SpeechError as fault:
            failed[type(fault).__name__] += 1

    async with asyncio.TaskGroup() as group:
        await asyncio.sleep(wave.begins_s)
        while loop.time() < wave.ends_s:
            group.create_task(one(n_requests))
            n_requests += 1
            await asyncio.sleep(chance.expovariate(wave.per_s))
    await asyncio.sleep(wave.quiet_s)
    scaling.cancel()
    return Outcome(
        recognizers=wave.at_most,
        requests=n_requests,
        audio_s=n_requests * wave.length_s,
        makespan_s=loop.time(),
        rate=0.0,
        busy=0.0,
        windows=service.windows,
        took_s=tuple(took_s),
        failed=dict(failed),
        cpu_s=dict(loop.cpu_s),
        real_s=time.perf_counter() - began_s,
        replicas=tuple(scaler.history),
    )
