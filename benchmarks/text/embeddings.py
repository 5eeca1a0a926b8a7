"""How many texts a second become vectors, and how close these are to the published model's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import numpy as np

from benchmarks.common.report import Table, number
from benchmarks.text.meetings import meeting
from benchmarks.text.minilm_reference import ReferenceMiniLm
from deployments.engines.minilm import MiniLm
from serve_app.adapters.weights import default_data_dir, installed_path

Say = Callable[[str], None]


def measure_embeddings(say: Say) -> tuple[Table, dict[str, Any]]:
    """Texts a second of replicas with one thread each, and how close their vectors are to the published model's."""
    say("embeddings")
    weights = installed_path(default_data_dir(), "minilm")
    texts = [s.text for name in ("meet_dev1", "meet_dev2") for s in meeting(name).segments]
    models = [MiniLm(weights), MiniLm(weights)]
    tokens = models[0].encode(texts)
    numbers: dict[str, Any] = {}
    for count in (1, 2):
        rates, per_cpu_s = zip(*(_rates(models[:count], texts) for _ in range(5)), strict=True)
        numbers[f"texts a second, replicas: {count}"] = median(rates)
        numbers[f"texts a CPU second, replicas: {count}"] = median(per_cpu_s)
    started = time.perf_counter()
    for text in texts[:50]:
        models[0].embed([text])
    numbers["texts a second, one at a time"] = 50 / (time.perf_counter() - started)
    rows = [[name, number(rate, 0)] for name, rate in numbers.items()]
    cosines = (models[0].run(tokens) * ReferenceMiniLm(weights / "model.safetensors").run(tokens)).sum(axis=1)
    close = {"mean": cosines.mean(), "least": cosines.min()}
    numbers |= {f"cosine to fp32, {name}": float(value) for name, value in close.items()}
    rows += [[f"cosine to fp32, {name}", number(float(value), 6)] for name, value in close.items()]
    mean_tokens = np.mean([len(each) for each in tokens])
    note = f"{len(texts)} utterances of meetings, {mean_tokens:.0f} tokens each on average."
    return Table(title="Embeddings", columns=["what", "value"], rows=rows, note=note), numbers


def _rates(models: Sequence[MiniLm], texts: Sequence[str]) -> tuple[float, float]:
    """Return texts a second and texts a second of CPU, each model embedding all texts at the same time."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(len(models)) as replicas:
        list(replicas.map(lambda model: model.embed(texts), models))
    done = len(models) * len(texts)
    return done / (time.perf_counter() - wall_s), done / (time.process_time() - cpu_s)
