"""What planning and the whole coordinator cost for recordings of an hour to a day: is it linear?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.scale.simulation.calibration import Calibration
from benchmarks.scale.simulation.engines import track_of
from benchmarks.scale.simulation.scenarios import HOUR_S, Work, run_work
from benchmarks.scale.simulation.service import COORDINATOR, shape_of
from serve_app.audio.plan import PlanSettings, next_chunk, plan_lanes, split_long_spans
from serve_app.audio.speech import speech_spans, weakest_frame

_RECOGNIZERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthCost:
    """CPU seconds for one recording."""

    hours: float
    plan_s: float  # cutting speech into lanes and lanes into chunks
    coordinator_s: float  # everything that the pipeline does itself, the plan included
    chunks: int


def length_costs(calibration: Calibration, hours: Sequence[float]) -> list[LengthCost]:
    """Measure recordings of these lengths, one after the other."""
    costs = []
    for length in hours:
        plan_s, chunks = _plan(calibration, length)
        shape = shape_of(calibration, _RECOGNIZERS)
        outcome = run_work(calibration, shape, Work(lengths={length * HOUR_S: 1}, audio_hours=length, at_once=1))
        costs.append(
            LengthCost(hours=length, plan_s=plan_s, coordinator_s=outcome.cpu_s.get(COORDINATOR, 0.0), chunks=chunks)
        )
    return costs


def growth(hours: Sequence[float], cost_s: Sequence[float]) -> float:
    """Return the power of the length that the cost grows with: 1 is linear, 2 quadratic."""
    return float(np.polyfit(np.log(hours), np.log(cost_s), 1)[0])


def _plan(calibration: Calibration, hours: float) -> tuple[float, int]:
    track = track_of(calibration, hours * HOUR_S, seed=0)
    probabilities = np.where(track.active, np.float32(0.99), np.float32(0.01))
    settings = PlanSettings()
    began_s = time.process_time()
    spans = speech_spans(probabilities, duration_s=track.seconds)
    spans = split_long_spans(spans, longest_s=settings.chunk_s / 2, weakest=partial(weakest_frame, probabilities))
    chunks = 0
    for lane in plan_lanes(spans, settings):
        from_s = lane[0].start_s
        while chunk := next_chunk(lane, from_s, settings):
            chunks += 1
            from_s = chunk.spans[-1].end_s
    return time.process_time() - began_s, chunks
