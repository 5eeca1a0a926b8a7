"""A meter that remembers, and refuses what the vocabulary does not allow."""

from __future__ import annotations

from collections import defaultdict

from serve_app.ports.metrics import Metric

Labels = frozenset[tuple[str, str]]


class MemoryMeter:
    """Implements ports.Meter. `totals` holds counters and gauges, `values` what histograms got."""

    def __init__(self) -> None:
        self.totals: dict[tuple[str, Labels], float] = defaultdict(float)
        self.values: dict[tuple[str, Labels], list[float]] = defaultdict(list)

    def add(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        if amount > 0:
            self.totals[self._key(metric, "counter", labels)] += amount

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        self.values[self._key(metric, "histogram", labels)].append(value)

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        self.totals[self._key(metric, "gauge", labels)] = value

    def total(self, metric: Metric, **labels: str) -> float:
        return self.totals.get((metric.name, frozenset(labels.items())), 0.0)

    def observed(self, metric: Metric, **labels: str) -> list[float]:
        return self.values.get((metric.name, frozenset(labels.items())), [])

    def _key(self, metric: Metric, kind: str, labels: dict[str, str]) -> tuple[str, Labels]:
        assert metric.kind == kind, metric.name
        assert tuple(sorted(labels)) == tuple(sorted(metric.labels)), metric.name
        return metric.name, frozenset(labels.items())
