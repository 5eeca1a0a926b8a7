"""Answers of peers kept on disk: stock diarization of dense audio takes longer than the audio lasts."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

from benchmarks.common.outcome import Outcome
from benchmarks.library_peers.base import PeerKind
from benchmarks.library_peers.process import Conditions, Task


class AnswerCache:
    """Answers by everything they depend on: recording, language, peer, weights, package versions, threads."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    def get(self, kind: PeerKind, task: Task) -> Outcome | None:
        path = self._path(kind, task)
        return Outcome.from_json(json.loads(path.read_text())) if path.is_file() else None

    def put(self, kind: PeerKind, task: Task, outcome: Outcome) -> None:
        path = self._path(kind, task)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(outcome.as_json()))
        unfinished.rename(path)

    def _path(self, kind: PeerKind, task: Task) -> Path:
        depends_on = {
            "recording": _file_digest(task.path),
            "language": task.language,
            "revision": kind.revision,
            "weights": _folder_digest(self._conditions.weights_of(kind)),
            "packages": {name: version(name) for name in kind.packages},
            "threads": self._conditions.threads,
        }
        digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
        return self._conditions.cache / kind.name / f"{task.id}-{digest[:16]}.json"


def _file_digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@cache
def _folder_digest(folder: Path) -> str:
    return " ".join(f"{path.name}:{_file_digest(path)}" for path in sorted(folder.iterdir()) if path.is_file())
