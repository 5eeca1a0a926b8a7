"""Prometheus' own checker, and the names in its expressions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from serve_app.ports.metrics import VOCABULARY, Metric

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
EXPORTED = {f"ray_{metric.name}{suffix}": metric for metric in VOCABULARY for suffix in _SUFFIXES[metric.kind]}
EXPORTERS_LABELS = {"le", "NodeAddress", "WorkerId"}
_SELECTOR = re.compile(r"\b(ray_[a-z0-9_]+|up\b)(?:\{([^}]*)\})?")


def needs_promtool() -> pytest.MarkDecorator:
    """Skip where promtool is not installed; with HARK_REQUIRE_PROMTOOL=1 that is a failure instead."""
    missing = shutil.which("promtool") is None and os.environ.get("HARK_REQUIRE_PROMTOOL") != "1"
    return pytest.mark.skipif(missing, reason="promtool is not installed (Debian: apt install prometheus)")


def promtool(*arguments: str | Path) -> str:
    """Run it; return what it said, fail with that where it refuses."""
    ran = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    return said


def selectors(expr: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the metrics of an expression, each with the labels it is selected by."""
    for name, matchers in _SELECTOR.findall(expr):
        yield name, re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)


def our_metric(name: str) -> Metric | None:
    """Return the metric that is exported under a name; None for those of others."""
    if not name.startswith("ray_hark_"):
        return None
    assert name in EXPORTED, f"{name} is exported by nobody"
    return EXPORTED[name]


def foreign(exprs: Iterable[str]) -> set[str]:
    """Return the metrics in expressions that are Ray's own."""
    return {name for expr in exprs for name, _ in selectors(expr) if our_metric(name) is None and name != "up"}
