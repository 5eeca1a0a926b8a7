"""Tables of `hark bench scale`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.common.report import Report, Table, number, percent
from benchmarks.scale.plan_cost import LengthCost, growth
from benchmarks.scale.real import RealRun
from benchmarks.scale.simulation.calibration import Calibration
from benchmarks.scale.simulation.scenarios import HOUR_S, Outcome

WAVE_BEGINS_S, WAVE_ENDS_S = 30.0, 630.0
_PARTS = ("ingress", "transcription", "media", "voice-detector", "recognizer-base")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that was measured or simulated; sizes ascend."""

    calibration: Calibration
    real: list[RealRun]
    beside: list[Outcome]  # simulated like the real runs, one for each size
    hours: list[Outcome]
    mix: list[Outcome]
    speakers: list[Outcome]
    burst: Outcome | None
    wave: Outcome
    lengths: list[LengthCost]


def efficiency(outcomes: Sequence[Outcome]) -> list[float]:
    """Return each outcome's rate a recognizer over that of the smallest service."""
    first = outcomes[0]
    return [o.rate / o.recognizers / (first.rate / first.recognizers) for o in outcomes]


def scale_report(findings: Findings, *, command: str) -> Report:
    """Lay out the check against the real service first, then what the simulation says."""
    tables = [_calibration_table(findings.calibration)]
    if findings.real:
        tables += [_check_table(findings), _process_table(findings.real)]
    tables += [_curve_table(findings), _wave_table(findings.wave), _length_table(findings.lengths)]
    return Report(name="scale", command=command, tables=tables, numbers=_numbers(findings))


def _calibration_table(calibration: Calibration) -> Table:
    full_s = calibration.encode_s + calibration.decode_time(2, 26.0) / 2
    rows = [
        ["encoding a window, s", number(calibration.encode_s, 3)],
        ["decoding it, alone / in a batch of two, s", _pair(calibration)],
        ["windows for an hour of audio", number(calibration.windows_per_hour, 0)],
        ["one recognizer that always has work, audio-s/s", number(HOUR_S / calibration.windows_per_hour / full_s, 1)],
        ["media, voice detection, speakers: CPU-s per audio-hour", _others(calibration)],
    ]
    note = f"{calibration.recording}, CPU time of one thread, one engine at a time."
    return Table(title="Service times", columns=["what", "measured"], rows=rows, note=note)


def _pair(calibration: Calibration) -> str:
    return f"{calibration.decode_time(1, 26.0):.2f} / {calibration.decode_time(2, 26.0) / 2:.2f}"


def _others(calibration: Calibration) -> str:
    per_s = (calibration.media_s, calibration.detect_s, calibration.diarize_s + calibration.link_s)
    return " / ".join(f"{each * HOUR_S:.1f}" for each in per_s)


def _check_table(findings: Findings) -> Table:
    rows = []
    for simulated in findings.beside:
        rates = [run.rate for run in findings.real if run.recognizers == simulated.recognizers]
        rate = simulated.audio_s / simulated.makespan_s
        rows.append(
            [
                str(simulated.recognizers),
                number(median(rates), 1),
                f"{min(rates):.1f} – {max(rates):.1f}",
                number(rate, 1),
                number(rate / median(rates)),
            ]
        )
    return Table(
        title="The simulation beside the service",
        columns=["recognizers", "service audio-s/s", "lowest – highest", "simulation", "simulation / service"],
        rows=rows,
        note="The same recordings, together, until the last answer. In the simulation every replica has a core.",
    )


def _process_table(real: Sequence[RealRun]) -> Table:
    rows = []
    for run in real:
        per_hour = {name: cpu_s / run.audio_s * HOUR_S for name, cpu_s in run.cpu_s.items()}
        others = sum(cpu_s for name, cpu_s in per_hour.items() if name not in _PARTS)
        rows.append([str(run.recognizers), *(number(per_hour.get(part), 1) for part in _PARTS), number(others, 1)])
    # At most: a replica works on one core, and the rate of a recognizer is that of the service over their number.
    each = median(run.rate / run.recognizers for run in real)
    hours = {part: median(run.cpu_s.get(part, 0.0) / run.audio_s * HOUR_S for run in real) for part in _PARTS[:-1]}
    fed = [number(HOUR_S / cpu_s / each, 0) if cpu_s else "–" for cpu_s in hours.values()]
    rows.append(["recognizers that one replica can feed", *fed, "–", "–"])
    return Table(
        title="CPU-seconds per audio-hour, service",
        columns=["recognizers", "ingress", "coordinator", "media", "voice detector", "recognizers", "all others"],
        rows=rows,
        note="By process, one row a run. All others are Ray, the database and deployments without work.",
    )


def _curve_table(findings: Findings) -> Table:
    rows = []
    for what, outcomes in (("hours", findings.hours), ("mix", findings.mix)):
        for outcome, share in zip(outcomes, efficiency(outcomes), strict=True):
            rows.append(_curve_row(what, outcome, share))
    base = findings.hours[0].rate / findings.hours[0].recognizers
    rows += [_curve_row("hours, speakers", o, o.rate / o.recognizers / base) for o in findings.speakers]
    if burst := findings.burst:
        rows.append(_curve_row(f"{burst.requests} hours", burst, burst.rate / burst.recognizers / base))
    return Table(
        title="Simulated",
        columns=[
            "work",
            "recognizers",
            "audio-s/s",
            "efficiency %",
            "recognizers busy %",
            "coordinator CPU-s per audio-hour",
            "of one core %",
            "sent again",
            "failed",
        ],
        rows=rows,
        note="The real pipeline, batcher and merge over engines that sleep. Rates: the recognizers' work between the "
        "first quarter of the audio and its last beginning, at the audio that all of the work was for. Efficiency: the "
        "rate of one recognizer over that of the smallest service. Sent again: refused by a full queue and sent again "
        "after the pause that the refusal named. The coordinator's CPU time is real, Ray's share of it is not in it.",
    )


def _curve_row(what: str, outcome: Outcome, share: float) -> list[str]:
    of_a_core = outcome.coordinator_cpu_s_per_hour * outcome.rate / HOUR_S
    return [
        what,
        str(outcome.recognizers),
        number(outcome.rate, 0),
        percent(share, 1),
        percent(outcome.busy, 1),
        number(outcome.coordinator_cpu_s_per_hour),
        percent(of_a_core, 1),
        str(outcome.sent_again),
        str(sum(outcome.failed.values())),
    ]


def _wave_table(wave: Outcome) -> Table:
    most = max(n for _, n in wave.replicas)
    up_s = next(at_s for at_s, n in wave.replicas if n == most)
    last_s, last = wave.replicas[-1]
    took_s = sorted(wave.took_s)
    rows = [
        ["requests, failed", f"{wave.requests}, {sum(wave.failed.values())}"],
        ["recognizers, at first, at most, at last", f"{wave.replicas[0][1]}, {most}, {last}"],
        ["most of them after, s", number(max(up_s - WAVE_BEGINS_S, 0), 0)],
        ["as few as at last after the last request, s", number(max(last_s - WAVE_ENDS_S, 0), 0)],
        [
            "p50, p95 of an answer, s",
            f"{number(took_s[len(took_s) // 2], 0)}, {number(took_s[-(len(took_s) // 20) - 1], 0)}",
        ],
    ]
    return Table(
        title="A load that comes and goes",
        columns=["what", "simulated"],
        rows=rows,
        note="Recordings of five minutes for ten minutes, two thirds of what all recognizers can do; the service's own "
        "scaling policy decides.",
    )


def _length_table(lengths: Sequence[LengthCost]) -> Table:
    rows = [
        [
            number(cost.hours, 0),
            str(cost.chunks),
            number(cost.plan_s / cost.hours, 3),
            number(cost.coordinator_s / cost.hours, 2),
        ]
        for cost in lengths
    ]
    note = "Real CPU time for one recording."
    if len(lengths) > 1:
        hours = [cost.hours for cost in lengths]
        plan, whole = growth(hours, [c.plan_s for c in lengths]), growth(hours, [c.coordinator_s for c in lengths])
        note += f" It grows with the length to the power of {plan:.2f} (plan) and {whole:.2f} (coordinator)."
    return Table(
        title="Long recordings",
        columns=["hours", "chunks", "plan, CPU-s per audio-hour", "coordinator, CPU-s per audio-hour"],
        rows=rows,
        note=note,
    )


def _numbers(findings: Findings) -> dict[str, Any]:
    def brief(outcome: Outcome) -> dict[str, Any]:
        return {name: value for name, value in asdict(outcome).items() if name != "took_s"}

    return {
        "real": [{**asdict(run), "rate": run.rate} for run in findings.real],
        "beside": [brief(o) for o in findings.beside],
        "hours": [brief(o) for o in findings.hours],
        "mix": [brief(o) for o in findings.mix],
        "speakers": [brief(o) for o in findings.speakers],
        "burst": brief(findings.burst) if findings.burst else None,
        "wave": brief(findings.wave),
        "lengths": [asdict(cost) for cost in findings.lengths],
        "efficiency": {"hours": efficiency(findings.hours), "mix": efficiency(findings.mix)},
    }
