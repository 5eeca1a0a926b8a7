"""A peer's process (`python -m benchmarks.library_peers.worker`): an order on stdin, a line an answer on stdout."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common.outcome import Cost, Outcome
from benchmarks.library_peers.base import KINDS, Peer


def main() -> None:
    order = json.load(sys.stdin)
    _hold_to_cpus(order["threads"])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not mix with the answers
    started = time.perf_counter()
    peer = KINDS[order["peer"]].load(Path(order["weights"]), Path(order["cache"]), order["threads"])
    load_s = time.perf_counter() - started
    if order["warm_up"]:
        peer.transcribe(Path(order["warm_up"]), "en")
    for item in order["items"]:
        outcome = _measured(peer, item, load_s)
        print(json.dumps({"id": item["id"], "outcome": outcome.as_json()}), file=answers, flush=True)


def _measured(peer: Peer, item: dict[str, Any], load_s: float) -> Outcome:
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        outcome = peer.transcribe(Path(item["path"]), item["language"])
    except Exception as error:  # any fault of a peer is its answer for this recording
        outcome = Outcome(text="", error=type(error).__name__)  # the message would hold paths of this machine
    cost = Cost(
        wall_s=time.perf_counter() - wall,
        cpu_s=time.process_time() - cpu,
        load_s=load_s,
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    return replace(outcome, cost=cost)


def _hold_to_cpus(count: int) -> None:
    """Keep every thread of this process on the first CPUs, whatever pools its libraries open."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


if __name__ == "__main__":
    main()
