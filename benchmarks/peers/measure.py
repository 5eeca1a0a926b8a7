"""`hark bench peers`: clips that come together, at Hark and at other servers in turns, and the pipeline's own share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.common.dataset import Item, item_by_id, read_items
from benchmarks.common.errors import PeerFailed
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.plots import draw_peers
from benchmarks.common.processes import service_processes, watched
from benchmarks.common.report import RESULTS, write_report
from benchmarks.common.scoring import total_word_errors, word_errors
from benchmarks.library_peers.process import default_conditions
from benchmarks.peers.overhead import Overhead, measure_overhead
from benchmarks.peers.report import peers_report
from benchmarks.peers.servers import PLAIN, WHISPERX, Server, cores, running_server, whisperx_python

HARK = "hark"
_CLIP_S = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """All clips together, once, at one server."""

    server: str
    audio_s: float
    wall_s: float  # until the last answer
    took_s: tuple[float, ...]  # of each clip
    cpu_s: float
    peak_bytes: int
    wer: float

    @property
    def rtfx(self) -> float:
        return self.audio_s / self.wall_s


@dataclass(frozen=True, kw_only=True)
class Peers:
    """What is asked for."""

    clips: int
    rounds: int
    whisperx: Path | None  # its virtual environment; None: without it
    long_id: str | None  # the file for the pipeline's own share; None: without it


async def measure_peers(
    peers: Peers,
    *,
    url: str,
    service_pid: int | None,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Let the servers take turns, write the report and return it as Markdown."""
    items = read_items()
    clips = clips_of(items, peers.clips)
    conditions = default_conditions(threads=cores())
    rounds: list[Round] = []
    with ExitStack() as stack:
        say("servers are started")
        servers = [stack.enter_context(running_server(PLAIN, conditions))]
        if peers.whisperx:
            python = await asyncio.to_thread(whisperx_python, peers.whisperx)
            servers.append(stack.enter_context(running_server(WHISPERX, conditions, python=python)))
        async with HarkClient(url) as hark:
            await hark.require_service()
            await _round_at_hark(hark, clips[:4], service_pid)
            for server in servers:
                await _round_at(server, clips[:4])
            for n in range(1, peers.rounds + 1):
                rounds.append(await _round_at_hark(hark, clips, service_pid))
                rounds += [await _round_at(server, clips) for server in servers]
                say(f"round {n}: " + ", ".join(f"{r.server} {r.rtfx:.1f} x" for r in rounds[-1 - len(servers) :]))
    overheads: list[Overhead] = []
    if peers.long_id:
        long = item_by_id(items, peers.long_id)
        say(f"the pipeline's own share, on {long.id}")
        overheads = [await asyncio.to_thread(measure_overhead, long.path, long.seconds, diarize=False)]
    report = peers_report(rounds, overheads, clips=len(clips), ours=HARK, plain=PLAIN, command=command)
    text = await asyncio.to_thread(write_report, report, results)
    await asyncio.to_thread(draw_peers, report.numbers, results / "peers.png")
    return text


def clips_of(items: Sequence[Item], n: int) -> list[Item]:
    """Return different recordings of about ten seconds with transcripts, so that no cache can help."""
    scored = [item for item in items if item.set == "utt_en" and item.is_scored_for_words]
    return sorted(scored, key=lambda item: abs(item.seconds - _CLIP_S))[:n]


async def _round_at_hark(client: HarkClient, clips: Sequence[Item], pid: int | None) -> Round:
    async def text_of(clip: Item) -> str:
        outcome = await client.transcribe(clip.path, language=clip.known_language, diarize=False)
        if outcome.error:
            raise PeerFailed(f"Hark answered {clip.id} with {outcome.error}.")
        return outcome.text

    return await _round(HARK, clips, text_of, pid)


async def _round_at(server: Server, clips: Sequence[Item]) -> Round:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=600, trust_env=False, limits=limits) as http:

        async def text_of(clip: Item) -> str:
            content = await asyncio.to_thread(clip.path.read_bytes)
            answer = await http.post(
                "/transcribe", files={"file": (clip.path.name, content)}, data={"language": clip.known_language or "en"}
            )
            if not answer.is_success:
                raise PeerFailed(f"{server.name} answered {clip.id} with {answer.status_code}.")
            return str(answer.json()["text"])

        return await _round(server.name, clips, text_of, server.pid)


async def _round(name: str, clips: Sequence[Item], text_of: Callable[[Item], Awaitable[str]], pid: int | None) -> Round:
    async def one(clip: Item) -> tuple[str, float]:
        began_s = time.perf_counter()
        return await text_of(clip), time.perf_counter() - began_s

    with watched(service_processes(pid)) as usage:
        began_s = time.perf_counter()
        answers = await asyncio.gather(*(one(clip) for clip in clips))
        wall_s = time.perf_counter() - began_s
    errors = [
        word_errors(reference=clip.text or "", heard=text, language=clip.language)
        for clip, (text, _) in zip(clips, answers, strict=True)
    ]
    return Round(
        server=name,
        audio_s=sum(clip.seconds for clip in clips),
        wall_s=wall_s,
        took_s=tuple(took_s for _, took_s in answers),
        cpu_s=usage.cpu_s,
        peak_bytes=usage.peak_pss_bytes,
        wer=total_word_errors(errors).rate or 0.0,
    )
