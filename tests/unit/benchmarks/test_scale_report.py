"""What `hark bench scale` says of what was measured and simulated."""

from __future__ import annotations

from benchmarks.scale.plan_cost import LengthCost
from benchmarks.scale.real import RealRun
from benchmarks.scale.report import Findings, efficiency, scale_report
from benchmarks.scale.simulation.calibration import AudioTime, Calibration
from benchmarks.scale.simulation.scenarios import Outcome

CALIBRATION = Calibration(
    recording="made up",
    audio_s=3600,
    encode_s=0.5,
    short_encode=AudioTime(base_s=0.1, per_audio_s=0.02),
    identify_s=0.5,
    decode={1: AudioTime(base_s=1, per_audio_s=0), 2: AudioTime(base_s=1, per_audio_s=0)},
    residuals=(1.0,),
    reached=(1.0,),
    holes_per_chunk=0,
    words_per_s=2.5,
    media_s=0.001,
    detect_s=0.001,
    diarize_s=0.1,
    link_s=0.001,
    speech_s=(3.0,),
    pause_s=(1.0,),
    windows=150,
    hop_s=0.003,
)


def outcome(recognizers: int, rate: float, **others: object) -> Outcome:
    asked: dict[str, object] = {"requests": 10, "audio_s": 36_000, "makespan_s": 36_000 / (rate or 1), "busy": 0.99}
    return Outcome(recognizers=recognizers, rate=rate, windows=1500, took_s=(1, 2), **(asked | others))  # type: ignore[arg-type]


FINDINGS = Findings(
    calibration=CALIBRATION,
    real=[RealRun(recognizers=1, audio_s=3600, wall_s=240, cpu_s={"transcription": 6, "raylet": 9})],
    beside=[outcome(1, 15)],
    hours=[outcome(1, 16), outcome(64, 972.8, cpu_s={"coordinator": 5})],
    mix=[outcome(1, 15), outcome(64, 912)],
    speakers=[outcome(64, 1024)],
    burst=outcome(64, 1000, requests=1000),
    wave=outcome(8, 0, replicas=((0, 1), (40, 8), (700, 1))),
    lengths=[
        LengthCost(hours=1, plan_s=0.01, coordinator_s=0.5, chunks=140),
        LengthCost(hours=2, plan_s=0.02, coordinator_s=2, chunks=280),
    ],
)


def test_efficiency_is_the_rate_of_one_recognizer_over_that_of_the_smallest_service() -> None:
    assert efficiency([outcome(2, 30), outcome(64, 912)]) == [1, 0.95]


def test_the_simulation_is_told_with_how_far_it_is_from_the_service() -> None:
    check = next(t for t in scale_report(FINDINGS, command="").tables if t.title.startswith("The simulation"))
    assert check.rows == [["1", "15.0", "15.0 – 15.0", "15.0", "1.00"]]


def test_a_coordinator_s_cost_is_also_told_as_the_recognizers_that_it_can_feed() -> None:
    table = next(t for t in scale_report(FINDINGS, command="").tables if t.title.startswith("CPU-seconds"))
    coordinator = table.columns.index("coordinator")
    assert [row[coordinator] for row in table.rows] == ["6.0", "40"]
    assert table.rows[0][-1] == "9.0"


def test_the_curve_has_every_size_of_every_work() -> None:
    table = next(t for t in scale_report(FINDINGS, command="").tables if t.title == "Simulated")
    assert [(row[0], row[1], row[3]) for row in table.rows] == [
        ("hours", "1", "100.0"),
        ("hours", "64", "95.0"),
        ("mix", "1", "100.0"),
        ("mix", "64", "95.0"),
        ("hours, speakers", "64", "100.0"),
        ("1000 hours", "64", "97.7"),
    ]


def test_how_a_cost_grows_is_told_beside_it() -> None:
    table = scale_report(FINDINGS, command="").tables[-1]
    assert "power of 1.00 (plan) and 2.00 (coordinator)" in table.note
