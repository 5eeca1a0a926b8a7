"""The dashboard as a picture, for where no Grafana is: the panels' own queries asked of a Prometheus, drawn in place.

`python -m configs.grafana.render --prometheus http://127.0.0.1:9090 --minutes 30 --out dashboard.png`;
needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from configs.grafana.dashboard import FILE

_STEPS = 120  # points of a series
_PAPER, _PANEL, _INK, _FAINT = "#111217", "#181b1f", "#d8d9da", "#5a6067"
_LINES = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#c8f2c2", "#ffb357", "#ca95e5")
_SERIES = 9  # drawn of a panel: more cannot be told apart
_FACTORS: Mapping[str, tuple[float, str]] = {
    "percentunit": (100.0, " %"),
    "percent": (1.0, " %"),
    "bytes": (1 / 2**20, " MiB"),
    "s": (1.0, " s"),
    "ms": (1.0, " ms"),
    "reqps": (1.0, " /s"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line; `points` are (Unix seconds, value)."""

    name: str
    points: Sequence[tuple[float, float]]


class Prometheus:
    """Answers a dashboard's queries over one span of time."""

    def __init__(self, url: str, *, start_s: float, end_s: float, rate_interval_s: int) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._start_s, self._end_s = start_s, end_s
        self._rate_interval = f"{rate_interval_s}s"

    def series(self, target: Mapping[str, Any]) -> list[Series]:
        """Return what one of a panel's queries gives, each series named as its legend says."""
        expr = target["expr"].replace("$__rate_interval", self._rate_interval).replace("$model", ".*")
        step_s = max(1, round((self._end_s - self._start_s) / _STEPS))
        answer = self._client.get(
            "/api/v1/query_range",
            params={"query": expr, "start": self._start_s, "end": self._end_s, "step": step_s},
        )
        answer.raise_for_status()
        return [
            Series(
                name=legend(target["legendFormat"], found["metric"]),
                points=[(float(at), float(value)) for at, value in found["values"] if math.isfinite(float(value))],
            )
            for found in answer.json()["data"]["result"]
        ]


def legend(template: str, labels: Mapping[str, str]) -> str:
    """Fill a legend's `{{label}}`."""
    if template == "__auto":
        return " ".join(value for name, value in sorted(labels.items()) if name != "__name__")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), template).strip()


def shown(value: float, unit: str) -> str:
    """Return a figure with its unit."""
    factor, suffix = _FACTORS.get(unit, (1.0, ""))
    value *= factor
    if unit == "bool_yes_no":
        return "yes" if value else "no"
    return f"{value:.0f}{suffix}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}{suffix}"


def draw(dashboard: Mapping[str, Any], prometheus: Prometheus, out: Path, *, title: str = "") -> int:
    """Write the picture; return how many of its panels have something to show."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.gridspec import GridSpec

    panels = dashboard["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = plt.figure(figsize=(19, height * 0.4), facecolor=_PAPER, dpi=80)
    grid = GridSpec(height, 24, figure=figure, left=0.02, right=0.985, top=0.985, bottom=0.008, wspace=3, hspace=2.2)
    figure.text(0.02, 0.991, f"{dashboard['title']}  {title}", color=_INK, fontsize=14, weight="bold")
    filled = 0
    for panel in panels:
        place = panel["gridPos"]
        rows = slice(place["y"], place["y"] + place["h"])
        axes = figure.add_subplot(grid[rows, place["x"] : place["x"] + place["w"]])
        if panel["type"] == "row":
            axes.axis("off")
            axes.text(0, 0, panel["title"], color=_INK, fontsize=12, weight="bold")
            continue
        series = [each for target in panel["targets"] for each in prometheus.series(target) if each.points]
        filled += bool(series)
        (_draw_figure if panel["type"] == "stat" else _draw_chart)(axes, panel, series)
    figure.savefig(out, facecolor=_PAPER)
    plt.close(figure)
    return filled


def _draw_figure(axes: Any, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    axes.set(xticks=[], yticks=[], facecolor=_PANEL)
    axes.set_title(panel["title"], color=_INK, fontsize=9, loc="left")
    text = shown(series[0].points[-1][1], panel["fieldConfig"]["defaults"]["unit"]) if series else "no data"
    axes.text(0.5, 0.45, text, color=_LINES[0] if series else _FAINT, fontsize=20, ha="center", va="center")
    _frame(axes)


def _draw_chart(axes: Any, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    defaults = panel["fieldConfig"]["defaults"]
    factor, suffix = _FACTORS.get(defaults["unit"], (1.0, ""))
    axes.set_facecolor(_PANEL)
    axes.set_title(f"{panel['title']}{f' ({suffix.strip()})' if suffix else ''}", color=_INK, fontsize=9, loc="left")
    by_size = sorted(series, key=lambda each: -max(value for _, value in each.points))[:_SERIES]
    for line, colour in zip(sorted(by_size, key=lambda each: each.name), _LINES, strict=False):
        at = [datetime.fromtimestamp(moment, tz=UTC) for moment, _ in line.points]
        axes.plot(at, [value * factor for _, value in line.points], color=colour, linewidth=1.2, label=line.name)
    if series:
        axes.xaxis.set_major_locator(AutoDateLocator(maxticks=5))  # type: ignore[no-untyped-call, unused-ignore]
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call, unused-ignore]
    else:
        axes.set(xticks=[], yticks=[])
    axes.tick_params(colors=_FAINT, labelsize=7)
    axes.grid(color="#2c3235", linewidth=0.5)
    axes.margins(x=0)
    if series:
        most = max(value * factor for line in by_size for _, value in line.points)
        axes.set_ylim(0, 1.15 * most or 1)
        axes.legend(fontsize=6, labelcolor=_INK, facecolor=_PANEL, edgecolor=_PANEL, loc="upper left", framealpha=0.6)
    else:
        axes.text(0.5, 0.5, "no data", color=_FAINT, ha="center", transform=axes.transAxes)
    _frame(axes)


def _frame(axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_color("#2c3235")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prometheus", default="http://127.0.0.1:9090")
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--rate-interval", type=int, default=60, help="seconds; four scrapes or more")
    arguments.add_argument("--out", type=Path, default=Path("dashboard.png"))
    chosen = arguments.parse_args()
    now_s = time.time()
    prometheus = Prometheus(
        chosen.prometheus,
        start_s=now_s - 60 * chosen.minutes,
        end_s=now_s,
        rate_interval_s=chosen.rate_interval,
    )
    dashboard = json.loads(FILE.read_text(encoding="utf-8"))
    filled = draw(dashboard, prometheus, chosen.out)
    print(f"{chosen.out}: {filled} of {sum(panel['type'] != 'row' for panel in dashboard['panels'])} panels have data")


if __name__ == "__main__":
    main()
