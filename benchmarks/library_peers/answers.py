"""What the peers answer for a set of recordings, from the cache where it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.common.dataset import read_rttm
from benchmarks.common.outcome import Outcome
from benchmarks.library_peers.base import GLUED, KINDS
from benchmarks.library_peers.cache import AnswerCache
from benchmarks.library_peers.glue import glue
from benchmarks.library_peers.process import Conditions, Task, run_peer


def peer_answers(
    peer: str,
    tasks: Sequence[Task],
    conditions: Conditions,
    *,
    fresh: bool = False,
    turns_from: Path | None = None,
    done: Callable[[str], None] = lambda _: None,
) -> dict[str, Outcome]:
    """Return the peer's outcome by task id. `turns_from` holds RTTM files that stand in for running stock pyannote."""
    if peer == GLUED:
        words = peer_answers("faster_whisper_sequential", tasks, conditions, fresh=fresh, done=done)
        turns = peer_answers("stock_pyannote", tasks, conditions, fresh=fresh, turns_from=turns_from, done=done)
        return {task.id: glue(words[task.id], turns[task.id]) for task in tasks}
    kind, cache = KINDS[peer], AnswerCache(conditions)
    known: dict[str, Outcome] = {}
    for task in tasks:
        kept = _from_rttm(task, turns_from) if peer == "stock_pyannote" and turns_from else None
        kept = kept or (None if fresh else cache.get(kind, task))
        if kept is not None:
            known[task.id] = kept
    missing = [task for task in tasks if task.id not in known]
    by_id = {task.id: task for task in missing}
    for task_id, outcome in run_peer(peer, missing, conditions) if missing else ():
        cache.put(kind, by_id[task_id], outcome)
        known[task_id] = outcome
        done(f"{peer} {task_id}")
    return known


def _from_rttm(task: Task, folder: Path) -> Outcome | None:
    """Read `<id>.rttm`, and `<id>_exclusive.rttm` where there is one."""
    turns, exclusive = folder / f"{task.id}.rttm", folder / f"{task.id}_exclusive.rttm"
    if not turns.is_file():
        return None
    outcome = Outcome(text="", turns=read_rttm(turns))
    return replace(outcome, exclusive_turns=read_rttm(exclusive)) if exclusive.is_file() else outcome
