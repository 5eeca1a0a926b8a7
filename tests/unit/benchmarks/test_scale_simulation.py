"""The simulated service: the real pipeline gives whole transcripts, and more replicas do more work."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.scale.plan_cost import growth
from benchmarks.scale.simulation.calibration import AudioTime, Calibration
from benchmarks.scale.simulation.clock import SimulatedLoop, simulate
from benchmarks.scale.simulation.deployment import Autoscaler, Bounds, Deployment
from benchmarks.scale.simulation.engines import track_of
from benchmarks.scale.simulation.scenarios import HOUR_S, MIX, Outcome, Wave, Work, run_wave, run_work
from benchmarks.scale.simulation.service import COORDINATOR, SimulatedService, ideal_rate, shape_of
from serve_app.errors import ModelQueueFull
from serve_app.transcript.model import Transcript

CALIBRATION = Calibration(
    recording="made up",
    audio_s=600,
    encode_s=0.5,
    short_encode=AudioTime(base_s=0.1, per_audio_s=0.02),
    identify_s=0.5,
    decode={1: AudioTime(base_s=0.3, per_audio_s=0.02), 2: AudioTime(base_s=0.6, per_audio_s=0.02)},
    residuals=(0.9, 1.1),
    reached=(1.0, 1.0, 0.7),
    holes_per_chunk=0.2,
    words_per_s=2.5,
    media_s=0.001,
    detect_s=0.002,
    diarize_s=0.05,
    link_s=0.001,
    speech_s=(3.0, 5.0, 8.0),
    pause_s=(0.5, 1.0, 2.0),
    windows=26,
    hop_s=0.003,
)
MINUTES_10 = {600.0: 1}


def worked(recognizers: int, **work: float) -> Outcome:
    asked = {"audio_hours": recognizers, "at_once": max(recognizers, 3)} | work
    return run_work(CALIBRATION, shape_of(CALIBRATION, recognizers), Work(lengths=MINUTES_10, **asked))  # type: ignore[arg-type]


def transcript(recognizers: int, seconds: float = 600.0, *, diarize: bool = False) -> Transcript:
    async def one(loop: SimulatedLoop) -> Transcript:
        service = SimulatedService(CALIBRATION, shape_of(CALIBRATION, recognizers), loop)
        return await service.transcribe(track_of(CALIBRATION, seconds, seed=3), "a", diarize=diarize)

    return simulate(one)


def test_a_recording_comes_out_whole_and_the_same_from_one_recognizer_and_from_eight() -> None:
    alone = transcript(1)
    words = [word for segment in alone.segments for word in segment.words]
    track = track_of(CALIBRATION, 600, seed=3)
    spoken_s = float(track.active.sum()) * 512 / 16_000

    assert len(words) == pytest.approx(spoken_s * CALIBRATION.words_per_s, rel=0.15)
    assert transcript(8).segments == alone.segments


def test_speakers_are_found_where_they_are_asked_for() -> None:
    assert (transcript(2, 120).speakers, transcript(2, 120, diarize=True).speakers) == (0, 4)


def test_the_same_work_takes_the_same_simulated_time_every_time() -> None:
    assert worked(2).makespan_s == worked(2).makespan_s


def test_a_recognizer_with_enough_to_do_reaches_the_rate_of_its_service_times() -> None:
    outcome = worked(1, audio_hours=4)
    assert outcome.busy == pytest.approx(1, abs=0.02)
    # Windows of made-up recordings need not be as full as those of the measured one.
    assert outcome.rate == pytest.approx(ideal_rate(CALIBRATION, max_batch=2), rel=0.25)


def test_four_recognizers_do_nearly_four_times_as_much() -> None:
    assert worked(4, audio_hours=8, at_once=8).rate / worked(1, audio_hours=4).rate == pytest.approx(4, rel=0.08)


def test_the_coordinator_s_cpu_time_is_real_and_not_the_engines() -> None:
    outcome = worked(1)
    assert 0 < outcome.cpu_s[COORDINATOR] < outcome.makespan_s / 10


def test_a_wave_is_met_with_more_recognizers_and_left_with_fewer_and_no_request_fails() -> None:
    wave = Wave(length_s=60, per_s=0.8, begins_s=10, ends_s=200, quiet_s=300, at_most=4)
    outcome = run_wave(CALIBRATION, shape_of(CALIBRATION, 1), wave)
    numbers = [n for _, n in outcome.replicas]
    assert (numbers[0], max(numbers), numbers[-1]) == (1, 4, 1)
    assert (outcome.failed, len(outcome.took_s)) == ({}, outcome.requests)


def test_a_deployment_that_is_full_says_so() -> None:
    async def calls(loop: SimulatedLoop) -> list[str]:
        own = Deployment(loop=loop, make=object, n_replicas=1, bounds=Bounds(ongoing=1, queued=1), hop_s=0.01)

        async def use(_: object) -> str:
            await asyncio.sleep(1)
            return "answered"

        found = await asyncio.gather(*(own.call(use) for _ in range(3)), return_exceptions=True)
        return [type(f).__name__ if isinstance(f, ModelQueueFull) else str(f) for f in found]

    assert simulate(calls) == ["answered", "answered", "ModelQueueFull"]


def test_requests_that_are_refused_come_again_until_all_are_answered() -> None:
    one_media_replica = replace(shape_of(CALIBRATION, 1), media=1)
    crowd = Work(lengths={60.0: 1}, audio_hours=2, at_once=120, together=True)
    outcome = run_work(CALIBRATION, one_media_replica, crowd)
    assert outcome.sent_again > 0
    assert (len(outcome.took_s), outcome.failed) == (120, {})


def test_the_autoscaler_waits_before_it_follows_its_policy() -> None:
    async def run(loop: SimulatedLoop) -> list[tuple[float, int]]:
        engine = SimpleNamespace(meter=SimpleNamespace(stats=lambda: {"rate": 1.0}))
        own = Deployment(loop=loop, make=lambda: engine, n_replicas=1, bounds=Bounds(ongoing=1, queued=1), hop_s=0)
        wanted = lambda _: (3 if loop.time() < 60 else 1, {})  # noqa: E731
        scaler = Autoscaler(deployment=own, at_least=1, at_most=3, policy=wanted, start_s=5)  # type: ignore[arg-type]
        task = asyncio.create_task(scaler.run())
        await asyncio.sleep(200)
        task.cancel()
        return scaler.history

    history = simulate(run)
    assert [n for _, n in history] == [1, 3, 1]
    assert history[1][0] == pytest.approx(2 + 5, abs=1.5)
    assert history[2][0] == pytest.approx(60 + 60, abs=1.5)


def test_a_calibration_survives_its_json() -> None:
    assert Calibration.from_json(CALIBRATION.as_json()) == CALIBRATION


def test_batches_that_were_not_measured_are_in_proportion_to_those_that_were() -> None:
    assert CALIBRATION.decode_time(4, 20) == pytest.approx(2 * CALIBRATION.decode_time(2, 20))


def test_a_bigger_service_has_more_of_everything_that_its_recordings_need() -> None:
    small, large = shape_of(CALIBRATION, 2), shape_of(replace(CALIBRATION, media_s=0.01), 64)
    assert large.detectors > small.detectors
    assert large.media > 5


@pytest.mark.parametrize("power", [1, 2])
def test_growth_is_the_power_of_the_length(power: int) -> None:
    hours = np.array([1.0, 2.0, 8.0])
    assert growth(list(hours), list(3 * hours**power)) == pytest.approx(power)


def test_lengths_are_dealt_as_often_as_they_should_be() -> None:
    pack_hours = sum(length_s * often for length_s, often in MIX.items()) / HOUR_S
    first, again = (list(Work(lengths=MIX, audio_hours=2 * pack_hours, at_once=1).seconds()) for _ in range(2))
    assert Counter(first[:100]) == Counter(first[100:]) == Counter(MIX)
    assert first == again
    assert first[:100] != sorted(first[:100])
