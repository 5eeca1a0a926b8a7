"""Measurements into Ray's metrics, which every node shows at its metrics port."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from ray import serve
from ray.util import metrics as ray_metrics

from serve_app.ports.metrics import Metric

log = logging.getLogger("hark.metrics")

# Ray forgets a gauge that nobody has set for two of its reporting intervals, 20 s unless told otherwise.
_REFRESH_S = 2.0

_KINDS: dict[str, Any] = {
    "counter": ray_metrics.Counter,
    "gauge": ray_metrics.Gauge,
    "histogram": ray_metrics.Histogram,
}


class RayMeter:
    """Implements ports.Meter. Ray's own threads export what it is told; a call takes microseconds.

    A gauge keeps its last value for as long as the process lives.
    """

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()  # engine threads measure too
        self._setting = threading.Lock()  # an older value must not overwrite a newer one
        self._gauges: dict[tuple[Metric, tuple[tuple[str, str], ...]], float] = {}
        self._refreshing: threading.Thread | None = None
        self._failed = False

    def add(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        if amount > 0:  # Ray refuses others
            self._tell(metric, "inc", amount, labels)

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        self._tell(metric, "observe", value, labels)

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        with self._setting:
            self._gauges[metric, tuple(labels.items())] = value
            self._tell(metric, "set", value, labels)
            if self._refreshing is None:
                self._refreshing = threading.Thread(target=self._refresh_forever, name="gauges", daemon=True)
                self._refreshing.start()

    def _refresh_forever(self) -> None:
        while True:
            time.sleep(_REFRESH_S)
            with self._setting:
                for (metric, labels), value in self._gauges.items():
                    self._tell(metric, "set", value, dict(labels))

    def _tell(self, metric: Metric, method: str, value: float, labels: dict[str, str]) -> None:
        try:
            getattr(self._ray(metric), method)(value, {name: labels[name] for name in metric.labels})
        except Exception as error:  # the work must not fail for its measure
            if not self._failed:
                log.warning("not_measured metric=%s error=%s", metric.name, type(error).__name__)
            self._failed = True

    def _ray(self, metric: Metric) -> Any:
        with self._making:
            if metric.name not in self._made:
                options: dict[str, Any] = {"boundaries": list(metric.buckets)} if metric.buckets else {}
                self._made[metric.name] = _KINDS[metric.kind](
                    metric.name, description=metric.help, tag_keys=metric.labels, **options
                )
            return self._made[metric.name]


def model_of_deployment(prefix: str) -> str:
    """Return what the calling replica's deployment serves: its name without the prefix."""
    return serve.get_replica_context().deployment.removeprefix(prefix)
