"""The plots are drawn from the numbers of the reports, in memory or read from JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.common.plots import draw_load, draw_peers, draw_scale, draw_wave

pytest.importorskip("matplotlib")

STEPS = [
    {"offered": 10.0, "goodput": 10.0, "shed": 0.0, "kinds": [{"kind": "rest", "took_s": {50: 1.0, 95: 2.5}}]},
    {"offered": 40.0, "goodput": 20.0, "shed": 0.5, "kinds": [{"kind": "job", "took_s": {}}]},
]
CURVE = [{"recognizers": 1, "rate": 15.0}, {"recognizers": 64, "rate": 930.0}]


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


def test_a_load_is_drawn_before_and_after_json(tmp_path: Path) -> None:
    numbers = {"capacity": 20.0, "steps": STEPS}
    draw_load(numbers, tmp_path / "a.png")
    draw_load(json.loads(json.dumps(numbers)), tmp_path / "b.png")
    assert is_png(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("real", [[], [{"recognizers": 1, "rate": 14.0}]])
def test_scaling_is_drawn_with_and_without_a_real_service(real: list[dict[str, float]], tmp_path: Path) -> None:
    numbers = {
        "hours": CURVE,
        "mix": CURVE,
        "efficiency": {"hours": [1, 0.97], "mix": [1, 0.95]},
        "real": real,
        "wave": {"replicas": [(0, 1), (40, 8), (700, 1)], "makespan_s": 900},
    }
    draw_scale(numbers, tmp_path / "scale.png")
    assert is_png(tmp_path / "scale.png")


def test_a_wave_is_drawn_with_what_failed_in_it(tmp_path: Path) -> None:
    answers = [
        {"kind": kind, "began_s": 5.0 * n, "took_s": 1.0 + n, "error": "503" if n == 3 else None}
        for n, kind in enumerate(("short", "load", "load", "short"))
    ]
    numbers = {"begins_s": 4.0, "ends_s": 12.0, "replicas": [(0.0, 1), (9.0, 2), (40.0, 1)], "answers": answers}
    draw_wave(numbers, tmp_path / "wave.png")
    assert is_png(tmp_path / "wave.png")


def test_servers_are_drawn(tmp_path: Path) -> None:
    rounds = [{"server": name, "rtfx": rate} for name, rate in (("hark", 25), ("plain", 12), ("hark", 27))]
    draw_peers({"rounds": rounds}, tmp_path / "peers.png")
    assert is_png(tmp_path / "peers.png")
