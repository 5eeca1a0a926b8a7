"""What a row of the dashboard is made of, and the queries that many panels share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart or figure: `queries` are PromQL and the legend of its series."""

    title: str
    unit: str  # Grafana's name of it
    queries: tuple[tuple[str, str], ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    help: str = ""
    stacked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def quantile(q: float, metric: str, by: str, where: str = "") -> str:
    """Return the query of a quantile of a histogram, for each value of the label `by`."""
    return f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket{{{where}}}{RATE})))"


def stat(title: str, unit: str, query: str, help: str = "") -> Panel:
    """Return one figure."""
    return Panel(title=title, unit=unit, queries=((query, ""),), kind="stat", width=4, help=help)
