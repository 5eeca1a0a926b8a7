"""Metrics of a running service, read as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One series at one moment."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse_samples(text: str) -> list[Sample]:
    """Read Prometheus' text format."""
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call, unused-ignore]
    return [
        Sample(name=sample.name, labels=sample.labels, value=sample.value)
        for family in families
        for sample in family.samples
    ]


def scrape(targets: Iterable[str]) -> list[Sample]:
    """Return the samples of all targets (`host:port`) that answer."""

    def one(target: str) -> list[Sample]:
        try:
            answer = httpx.get(f"http://{target}/metrics", timeout=_TIMEOUT_S, trust_env=False)
            return parse_samples(answer.raise_for_status().text)
        except (httpx.HTTPError, ValueError):
            return []

    with ThreadPoolExecutor(max_workers=8) as pool:
        return [sample for found in pool.map(one, targets) for sample in found]


def sums(samples: Iterable[Sample], name: str, by: Callable[[Mapping[str, str]], str]) -> dict[str, float]:
    """Add up a metric's series in groups."""
    found: dict[str, float] = {}
    for sample in samples:
        if sample.name == name:
            group = by(sample.labels)
            found[group] = found.get(group, 0.0) + sample.value
    return found
