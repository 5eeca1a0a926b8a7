from pathlib import Path

import pytest

from benchmarks.common.dataset import Item
from benchmarks.throughput import Run, ratio_by_round, throughput_report

ITEM = Item(id="m", path=Path("m.opus"), set="meet", seconds=100, language="en", n_speakers=2, quality="exact", use="")


def run(system: str, wall_s: float, *, audio_s: float = 100, cpu_s: float | None = None) -> Run:
    return Run(system=system, audio_s=audio_s, wall_s=wall_s, cpu_s=cpu_s, peak_bytes=None, wer=None)


def test_ratios_compare_runs_of_the_same_round() -> None:
    ours, theirs = [run("hark", 5), run("hark", 10)], [run("peer", 10), run("peer", 20)]

    assert ratio_by_round(ours, theirs) == [pytest.approx(2), pytest.approx(2)]


def test_the_report_has_medians_and_says_what_ran_on_an_excerpt() -> None:
    glued = "glued (faster-whisper + stock pyannote)"
    runs = [
        run("hark", 4, cpu_s=8),
        run("faster_whisper_batched", 8),
        run("hark, speakers", 10),
        run(glued, 40, audio_s=20),
        run("hark", 5, cpu_s=10),
        run("faster_whisper_batched", 5),
        run("hark, speakers", 10),
        run(glued, 40, audio_s=20),
    ]

    systems, ratios = throughput_report(ITEM, runs, command="").tables

    assert systems.rows[0][:4] == ["hark", "22.5", "20.0 – 25.0", "0.090"]
    assert "first 20 s only" in systems.note
    assert [row[:2] for row in ratios.rows] == [
        ["hark / faster_whisper_batched", "1.50"],
        [f"hark, speakers / {glued}", "20.00"],
    ]
