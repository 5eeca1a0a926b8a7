"""Plots of `hark bench load`, `scale` and `peers`, from the numbers of their reports. They need matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

_BLUE, _ORANGE, _GREY, _RED = "#2a6f97", "#e07a1f", "#8a8f98", "#b23a48"
_DPI = 130


@contextmanager
def _axes(path: Path, n: int) -> Iterator[list[Any]]:
    """Lend axes side by side, and write the figure at the end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0 * n, 3.6), layout="constrained")
    axes = [figure.add_subplot(1, n, index + 1) for index in range(n)]
    for each in axes:
        each.grid(visible=True, color="#e3e5e8", linewidth=0.8)
        each.set_axisbelow(True)
        each.spines[["top", "right"]].set_visible(False)
    yield axes
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def draw_load(numbers: Mapping[str, Any], path: Path) -> None:
    """Draw goodput and refusals, and latencies, by load."""
    steps = numbers["steps"]
    offered = [step["offered"] / numbers["capacity"] for step in steps]
    order = sorted(range(len(steps)), key=lambda n: offered[n])
    loads = [offered[n] for n in order]
    rest = [next((k for k in steps[n]["kinds"] if k["kind"] == "rest"), None) for n in order]
    with _axes(path, 2) as (work, latency):
        goodput = [steps[n]["goodput"] / numbers["capacity"] for n in order]
        work.plot(loads, goodput, "o-", color=_BLUE, label="goodput / capacity")
        work.plot(loads, [steps[n]["shed"] for n in order], "s--", color=_ORANGE, label="share refused")
        work.set(xlabel="offered / capacity", ylim=(0, None), title="Work done in time")
        work.legend(frameon=False)
        for share, style, colour in ((50, "o-", _BLUE), (95, "s-", _ORANGE), (99, "^:", _RED)):
            points = [(load, _at(kind["took_s"], share)) for load, kind in zip(loads, rest, strict=True) if kind]
            kept = [(load, took_s) for load, took_s in points if took_s is not None]
            latency.plot([p[0] for p in kept], [p[1] for p in kept], style, color=colour, label=f"p{share}")
        latency.set(xlabel="offered / capacity", ylabel="seconds", ylim=(0, None), title="Latency of answered requests")
        latency.legend(frameon=False)


def draw_scale(numbers: Mapping[str, Any], path: Path) -> None:
    """Draw rates and efficiency by the number of recognizers, and the replicas of a load that comes and goes."""
    with _axes(path, 3) as (rate, share, wave):
        for name, colour, style in (("hours", _BLUE, "o-"), ("mix", _ORANGE, "s-")):
            sizes = [outcome["recognizers"] for outcome in numbers[name]]
            rate.plot(sizes, [outcome["rate"] for outcome in numbers[name]], style, color=colour, label=name)
            share.plot(sizes, [100 * e for e in numbers["efficiency"][name]], style, color=colour, label=name)
        if real := numbers["real"]:
            rates = _by(real, "recognizers", "rate")
            rate.plot(list(rates), [median(found) for found in rates.values()], "x", color=_RED, label="service")
        rate.set(xscale="log", yscale="log", xlabel="recognizers", ylabel="audio-seconds a second", title="Throughput")
        share.axhline(95, color=_GREY, linestyle=":")
        share.set(xscale="log", xlabel="recognizers", ylabel="%", ylim=(50, 105), title="Scaling efficiency")
        steps = numbers["wave"]["replicas"]
        minutes = [at_s / 60 for at_s, _ in steps] + [numbers["wave"]["makespan_s"] / 60]
        wave.step(minutes, [n for _, n in steps] + [steps[-1][1]], where="post", color=_BLUE)
        wave.set(xlabel="minutes", ylabel="recognizers", ylim=(0, None), title="A load that comes and goes")
        wave.yaxis.get_major_locator().set_params(integer=True)
        for each in (rate, share):
            sizes = sorted({outcome["recognizers"] for name in ("hours", "mix") for outcome in numbers[name]})
            each.set_xticks(sizes, [str(n) for n in sizes])
            each.set_xticks([], minor=True)
            each.legend(frameon=False)


def draw_wave(numbers: Mapping[str, Any], path: Path) -> None:
    """Draw how replicas followed a load, and how long each request took by when it was sent."""
    with _axes(path, 2) as (replicas, requests):
        times = [at_s for at_s, _ in numbers["replicas"]]
        counts = [n for _, n in numbers["replicas"]]
        end_s = max([*times, *(a["began_s"] + a["took_s"] for a in numbers["answers"])])
        replicas.step([*times, end_s], [*counts, counts[-1]], where="post", color=_BLUE)
        replicas.set(xlabel="seconds", ylabel="recognizers", ylim=(0, None), title="Replicas")
        replicas.yaxis.get_major_locator().set_params(integer=True)
        for kind, colour in (("load", _ORANGE), ("short", _BLUE)):
            own = [a for a in numbers["answers"] if a["kind"] == kind]
            if own:
                requests.plot([a["began_s"] for a in own], [a["took_s"] for a in own], "o", color=colour, label=kind)
        if failed := [a for a in numbers["answers"] if a["error"]]:
            requests.plot([a["began_s"] for a in failed], [0] * len(failed), "x", color=_RED, label="failed")
        requests.set(xlabel="sent at, seconds", ylabel="seconds", ylim=(0, None), title="Answers")
        requests.legend(frameon=False)
        for each in (replicas, requests):
            each.axvspan(numbers["begins_s"], numbers["ends_s"], color="#f3efe6", zorder=0)


def draw_peers(numbers: Mapping[str, Any], path: Path) -> None:
    """Draw the throughput of each server, with the span of its rounds."""
    rates = _by(numbers["rounds"], "server", "rtfx")
    names = list(rates)[::-1]
    middles = [median(rates[name]) for name in names]
    spans = [
        [middle - min(rates[name]) for name, middle in zip(names, middles, strict=True)],
        [max(rates[name]) - middle for name, middle in zip(names, middles, strict=True)],
    ]
    with _axes(path, 1) as (bars,):
        colours = [_BLUE if name == "hark" else _GREY for name in names]
        bars.barh(names, middles, xerr=spans, color=colours, error_kw={"ecolor": "#444", "capsize": 3})
        bars.set(xlabel="seconds of audio a second", title="Clips that come together")


def _at(percentiles: Mapping[Any, float], share: int) -> float | None:
    """Return a percentile, from memory or from JSON, whose keys are text."""
    return percentiles.get(share, percentiles.get(str(share)))


def _by(rows: Sequence[Mapping[str, Any]], key: str, value: str) -> dict[Any, list[float]]:
    found: dict[Any, list[float]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row[value])
    return found
