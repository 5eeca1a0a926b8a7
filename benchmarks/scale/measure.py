"""`hark bench scale`: the real service with a few recognizers, and a calibrated simulation with many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.common.dataset import Item, item_by_id, read_items
from benchmarks.common.plots import draw_scale
from benchmarks.common.report import RESULTS, write_report
from benchmarks.scale.plan_cost import LengthCost, length_costs
from benchmarks.scale.real import RealRun, measure_real
from benchmarks.scale.report import WAVE_BEGINS_S, WAVE_ENDS_S, Findings, scale_report
from benchmarks.scale.simulation.calibration import CALIBRATION, Calibration, load_calibration
from benchmarks.scale.simulation.scenarios import HOUR_S, HOURS, MIX, Outcome, Wave, Work, run_wave, run_work
from benchmarks.scale.simulation.service import Shape, shape_of

WINDOWS_EACH = 12  # in flight for a recognizer: enough that chance leaves none without work
_LANES = 16  # of a long recording in flight, as the embedded profile has it
_REAL_AT_ONCE = 2
_REAL_ROUNDS = 2
_WAVE_LENGTH_S = 300.0

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What is asked for."""

    real: Sequence[int]  # recognizers of the running service, one number after the other
    simulated: Sequence[int]
    burst_hours: int  # recordings of an hour, all there at the beginning; 0: none
    day_hours: Sequence[float]  # lengths of one recording
    item_id: str
    fresh_calibration: bool
    processes: int = 2  # simulations side by side


async def measure_scale(scale: Scale, *, command: str, results: Path = RESULTS, say: Say = lambda _: None) -> str:
    """Measure, simulate, write the report and return it as Markdown."""
    calibration = await _calibration(scale, say) if scale.fresh_calibration or scale.real else _kept()
    real: list[RealRun] = []
    if scale.real:
        item = item_by_id(read_items(), scale.item_id)
        for n in scale.real:
            say(f"the service with {n} recognizers")
            real += await measure_real(n, item, at_once=_REAL_AT_ONCE, rounds=_REAL_ROUNDS, say=say)
    findings = await asyncio.to_thread(_simulated, scale, calibration, real, say)
    report = scale_report(findings, command=command)
    text = await asyncio.to_thread(write_report, report, results)
    await asyncio.to_thread(draw_scale, report.numbers, results / "scale.png")
    return text


def _kept() -> Calibration:
    try:
        return load_calibration()
    except FileNotFoundError as missing:
        raise ValueError("There is no calibration yet: --calibrate takes one in two minutes.") from missing


async def _calibration(scale: Scale, say: Say) -> Calibration:
    if CALIBRATION.is_file() and not scale.fresh_calibration:
        return load_calibration()
    from benchmarks.scale.simulation.measuring import calibrate
    from configs.load import app_settings, read_profile

    found = await calibrate(app_settings(read_profile("embedded")), _item_for_calibration(), say=say)
    await asyncio.to_thread(CALIBRATION.write_text, found.as_json(), encoding="utf-8")
    return found


def _item_for_calibration() -> Item:
    return item_by_id(read_items(), "meet_dev1")


def _simulated(scale: Scale, calibration: Calibration, real: Sequence[RealRun], say: Say) -> Findings:
    """Run all simulations, some side by side: each is the same whatever runs beside it."""
    with ProcessPoolExecutor(max_workers=scale.processes) as pool:
        # The longest first.
        sizes = sorted(scale.simulated, reverse=True)
        burst = _burst(calibration, max(sizes), scale.burst_hours) if scale.burst_hours else None
        began = {
            "burst": [pool.submit(run_work, calibration, *burst)] if burst else [],
            "hours": [pool.submit(run_work, calibration, *_hours(calibration, n)) for n in sizes],
            "mix": [pool.submit(run_work, calibration, *_mix(calibration, n)) for n in sizes],
            "speakers": [pool.submit(run_work, calibration, *_hours(calibration, max(sizes), diarize=True))],
            "beside": [pool.submit(run_work, calibration, *_like(calibration, run)) for run in _one_each(real)],
        }
        wave = pool.submit(run_wave, calibration, *_wave(calibration, max(sizes)))
        lengths = pool.submit(length_costs, calibration, scale.day_hours)
        outcomes: dict[str, list[Outcome]] = {}
        for name, futures in began.items():
            outcomes[name] = [future.result() for future in futures]
            say(f"simulated: {name}")
        costs: list[LengthCost] = lengths.result()
        return Findings(
            calibration=calibration,
            real=list(real),
            beside=outcomes["beside"],
            hours=outcomes["hours"][::-1],
            mix=outcomes["mix"][::-1],
            speakers=outcomes["speakers"],
            burst=outcomes["burst"][0] if outcomes["burst"] else None,
            wave=wave.result(),
            lengths=costs,
        )


def _hours(calibration: Calibration, n: int, *, diarize: bool = False) -> tuple[Shape, Work]:
    at_once = max(3, -(-n * WINDOWS_EACH // _LANES))
    work = Work(lengths=HOURS, audio_hours=max(12, 3 * at_once), at_once=at_once, diarize=diarize)
    return shape_of(calibration, n, lanes_in_flight=_LANES), work


def _mix(calibration: Calibration, n: int) -> tuple[Shape, Work]:
    """Most requests are short; most of the audio is in long ones."""
    return shape_of(calibration, n), Work(lengths=MIX, audio_hours=max(24, 3 * n), at_once=8 * n)


def _burst(calibration: Calibration, n: int, hours: int) -> tuple[Shape, Work]:
    at_once = -(-n * WINDOWS_EACH // _LANES)  # as many job workers; the others wait in the queue
    return shape_of(calibration, n), Work(lengths=HOURS, audio_hours=hours, at_once=at_once)


def _like(calibration: Calibration, run: RealRun) -> tuple[Shape, Work]:
    """Return the same recordings for a simulated service of the embedded profile's size."""
    shape = replace(shape_of(calibration, run.recognizers), media=1, detectors=1)
    length_s = run.audio_s / _REAL_AT_ONCE
    work = Work(lengths={length_s: 1}, audio_hours=run.audio_s / HOUR_S, at_once=_REAL_AT_ONCE, together=True)
    return shape, work


def _wave(calibration: Calibration, most: int) -> tuple[Shape, Wave]:
    """Return a service of one recognizer, and requests for two thirds of what the most can do, for ten minutes."""
    shape = replace(shape_of(calibration, most), recognizers=1)
    rate = (
        most * calibration.audio_s / calibration.windows / (calibration.encode_s + calibration.decode_time(2, 26) / 2)
    )
    per_s = 2 / 3 * rate / _WAVE_LENGTH_S
    wave = Wave(
        length_s=_WAVE_LENGTH_S, per_s=per_s, begins_s=WAVE_BEGINS_S, ends_s=WAVE_ENDS_S, quiet_s=300, at_most=most
    )
    return shape, wave


def _one_each(real: Sequence[RealRun]) -> list[RealRun]:
    """Return the median run of each number of recognizers."""
    by_size: dict[int, list[RealRun]] = {}
    for run in real:
        by_size.setdefault(run.recognizers, []).append(run)
    middles = {n: median(run.rate for run in runs) for n, runs in by_size.items()}
    return [min(runs, key=lambda run: abs(run.rate - middles[n])) for n, runs in by_size.items()]
