"""Start a peer in its own process under the conditions every system is measured in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.errors import PeerFailed, WeightsMissing
from benchmarks.common.outcome import Outcome
from benchmarks.library_peers.base import KINDS, PeerKind

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all peers share."""

    data_dir: Path  # holds weights/ and the bench cache
    threads: int = 2

    @property
    def weights(self) -> Path:
        return self.data_dir / "weights"

    @property
    def cache(self) -> Path:
        return self.data_dir / "bench-cache"

    def weights_of(self, kind: PeerKind) -> Path:
        folder = self.weights / kind.weights
        if not folder.is_dir():
            raise WeightsMissing(
                f"{kind.name} needs {folder}: `hark models pull` fetches it (HARK_DATA_DIR names another data folder)."
            )
        return folder

    def environment(self) -> Mapping[str, str]:
        fixed = dict.fromkeys(_THREAD_VARIABLES, str(self.threads))
        return {**os.environ, **fixed, "HF_HUB_OFFLINE": "1", "PYANNOTE_METRICS_ENABLED": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A recording for a peer; language None is to be detected."""

    id: str
    path: Path
    language: str | None


def default_conditions(*, threads: int = 2) -> Conditions:
    named = os.environ.get("HARK_DATA_DIR")
    return Conditions(data_dir=Path(named) if named else Path.home() / ".local/share/hark", threads=threads)


def run_peer(
    peer: str, tasks: Sequence[Task], conditions: Conditions, *, warm_up: Path | None = None
) -> Iterator[tuple[str, Outcome]]:
    """Yield (task id, outcome) in order, as they are answered. Closing the iterator stops the process."""
    conditions.weights_of(KINDS[peer])
    conditions.cache.mkdir(parents=True, exist_ok=True)
    order: dict[str, Any] = {
        "peer": peer,
        "weights": str(conditions.weights),
        "cache": str(conditions.cache),
        "threads": conditions.threads,
        "warm_up": str(warm_up) if warm_up else None,
        "items": [{"id": task.id, "path": str(task.path), "language": task.language} for task in tasks],
    }
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.library_peers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=conditions.environment(),
            cwd=_PROJECT,
            text=True,
        )
        orders, answers = process.stdin, process.stdout
        if orders is None or answers is None:
            raise PeerFailed(f"{peer} has no pipes")
        try:
            with orders:
                json.dump(order, orders)
            for line in answers:
                answer = json.loads(line)
                yield answer["id"], Outcome.from_json(answer["outcome"])
            if process.wait() != 0:
                complaints.seek(0)
                raise PeerFailed(f"{peer} ended with code {process.returncode}: {complaints.read()[-1500:]}")
        finally:
            process.kill()
            process.wait()
            answers.close()
