"""How right the answers are: words, speakers, and words nobody said, beside the peers'."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy.report import accuracy_report
from benchmarks.common.dataset import Item, chosen_items, read_items
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.outcome import Outcome
from benchmarks.common.report import RESULTS, write_report
from benchmarks.library_peers.answers import peer_answers
from benchmarks.library_peers.base import GLUED, PEER_NAMES
from benchmarks.library_peers.process import Task, default_conditions

HARK = "hark"
DEFAULT_PEERS = ("faster_whisper_sequential", "faster_whisper_batched", GLUED)
_WITH_SPEAKERS = ("meet", "conv")  # sets in which speakers are found; elsewhere only words are asked for

Say = Callable[[str], None]


async def measure_accuracy(
    *,
    url: str,
    model: str | None,
    sets: Sequence[str],
    peers: Sequence[str],
    limit: int | None,
    detect_language: bool,
    with_hark: bool,
    fresh: bool,
    stock_turns: Path | None,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Run every system over the sets, write the report and return it as Markdown."""
    unknown = sorted(set(peers) - set(PEER_NAMES))
    if unknown:
        raise ValueError(f"Unknown peer {', '.join(unknown)}; there are {', '.join(PEER_NAMES)}.")
    items = chosen_items(read_items(), sets=sets, limit=limit)
    answers: dict[str, Mapping[str, Outcome]] = {}
    if with_hark:
        async with HarkClient(url, model=model) as client:
            await client.require_service()
            answers[HARK] = await hark_answers(client, items, detect_language=detect_language, say=say)
    tasks = {item.id: Task(id=item.id, path=item.path, language=_language(item, detect_language)) for item in items}
    conditions = default_conditions()
    for peer in peers:
        # Finding speakers at a fraction of real time is worth it only where there are speakers to score.
        wanted = [tasks[item.id] for item in items if peer not in (GLUED, "stock_pyannote") or _has_speakers(item)]
        answers[peer] = peer_answers(peer, wanted, conditions, fresh=fresh, turns_from=stock_turns, done=say)
    report = accuracy_report(items, answers, command=command, languages="detected" if detect_language else "given")
    return write_report(report, results)


async def hark_answers(
    client: HarkClient, items: Sequence[Item], *, detect_language: bool, say: Say
) -> dict[str, Outcome]:
    """Ask the service for every item, one after the other."""
    outcomes = {}
    for item in items:
        language = _language(item, detect_language)
        outcomes[item.id] = await client.transcribe(item.path, language=language, diarize=_has_speakers(item))
        say(f"{HARK} {item.id}")
    return outcomes


def _language(item: Item, detect: bool) -> str | None:
    return None if detect else item.known_language


def _has_speakers(item: Item) -> bool:
    return item.set in _WITH_SPEAKERS
