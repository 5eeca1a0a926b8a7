"""How long a short request takes: over HTTP and in-process, among others, streamed, and beside a long file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common.dataset import Item, item_by_id, read_items
from benchmarks.common.errors import ServiceRefused
from benchmarks.common.hark_client import HarkClient, carries_text
from benchmarks.common.report import RESULTS, Report, Table, number, write_report
from benchmarks.library_peers.process import Task, default_conditions, run_peer
from serve_app.ports.speech import MediaFile, TranscribeOptions, Transcriber

AT_ONCE = 8
_CLIP_S = 10.0
_ROUNDS_AT_ONCE = 3
_WARM_UPS = 2
_FEWEST_BESIDE_LONG = 3

Say = Callable[[str], None]
Call = Callable[[], Awaitable[None]]
"""One short transcription, from the file to the finished transcript."""


@dataclass(slots=True)
class Timings:
    """Seconds of every request, by what was measured; empty where it could not be."""

    http_s: list[float] = field(default_factory=list)
    in_process_s: list[float] = field(default_factory=list)
    eight_at_once_s: list[float] = field(default_factory=list)  # until the last of eight is answered
    eight_by_peer_s: list[float] = field(default_factory=list)  # faster-whisper, one after the other
    first_event_s: list[float] = field(default_factory=list)
    first_segment_s: list[float] = field(default_factory=list)
    beside_long_s: list[float] = field(default_factory=list)


async def measure_latency(
    *,
    url: str,
    model: str | None,
    clip_id: str | None,
    long_id: str,
    runs: int,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Take all measurements one after the other, write the report and return it as Markdown."""
    items = read_items()
    clip = item_by_id(items, clip_id) if clip_id else _clip_of_ten_seconds(items)
    others = _clips_like(clip, items)
    long, timings = item_by_id(items, long_id), Timings()
    async with HarkClient(url, model=model) as client:
        await client.require_service()

        async def over_http() -> None:
            await _transcribed(client, clip)

        local = _in_process_call(clip, model)
        say("one clip, over HTTP and in-process")
        timings.http_s, timings.in_process_s = await alternated(over_http, local, runs)
        say(f"{AT_ONCE} clips at once, and one at a time through faster-whisper")
        await _measure_many(client, others, timings)
        say("streamed")
        for _ in range(runs):
            times = await client.stream_times(clip.path, language=clip.known_language)
            timings.first_event_s.append(times.first_event_s)
            if times.first_segment_s is not None:
                timings.first_segment_s.append(times.first_segment_s)
        say(f"beside {long.id}")
        timings.beside_long_s = await _beside_long(client, clip, long, runs)
    return write_report(latency_report(clip, long, timings, command=command), results)


async def alternated(one: Call, other: Call, runs: int) -> tuple[list[float], list[float]]:
    """Time two calls in turns, after a few unmeasured ones."""
    calls = [one, other]
    times: list[list[float]] = [[], []]
    for measured in (*[False] * _WARM_UPS, *[True] * runs):
        for index, call in enumerate(calls):
            started = time.perf_counter()
            await call()
            if measured:
                times[index].append(time.perf_counter() - started)
    return times[0], times[1]


def local_call(transcriber: Transcriber, path: Path, options: TranscribeOptions) -> Call:
    """Return a call that runs the pipeline in this process, without HTTP or Ray."""

    async def call() -> None:
        async with aclosing(transcriber.transcribe(MediaFile(path=str(path)), options)) as events:  # type: ignore[type-var]
            async for _ in events:
                pass

    return call


def _in_process_call(clip: Item, model: str | None) -> Call:
    """Load the embedded profile's pipeline into this process."""
    from configs.load import app_settings, read_profile
    from deployments.local import local_transcriber

    settings = app_settings(read_profile("embedded"))
    name, _ = settings.catalogue().resolve(model)
    return local_call(
        local_transcriber(settings), clip.path, TranscribeOptions(model=name, language=clip.known_language)
    )


async def _measure_many(client: HarkClient, clips: Sequence[Item], timings: Timings) -> None:
    """Alternate between eight requests at once and the same eight one after the other through faster-whisper."""
    tasks = [Task(id=clip.id, path=clip.path, language=clip.known_language) for clip in clips]
    conditions = default_conditions()
    for _ in range(_ROUNDS_AT_ONCE):
        started = time.perf_counter()
        await asyncio.gather(*(_transcribed(client, clip) for clip in clips))
        timings.eight_at_once_s.append(time.perf_counter() - started)
        answers = run_peer("faster_whisper_sequential", tasks, conditions, warm_up=clips[0].path)
        timings.eight_by_peer_s.append(sum(outcome.cost.wall_s for _, outcome in answers))


async def _beside_long(client: HarkClient, clip: Item, long: Item, runs: int) -> list[float]:
    """Time short requests while a long file is being recognized; as many as fit into its time."""
    times: list[float] = []
    async with client.events(long.path, language=long.known_language) as events:
        async for event in events:
            if carries_text(event):  # decoding is over, the recognizers are full
                break
        draining = asyncio.ensure_future(_drain(events))
        try:
            while len(times) < runs and not draining.done():
                started = time.perf_counter()
                await _transcribed(client, clip)
                if not draining.done():
                    times.append(time.perf_counter() - started)
        finally:
            draining.cancel()
    if len(times) < _FEWEST_BESIDE_LONG:
        raise ServiceRefused(f"{long.id} was over after {len(times)} short requests: name a longer one (--long-file).")
    return times


async def _drain(events: Any) -> None:
    async for _ in events:
        pass


async def _transcribed(client: HarkClient, clip: Item) -> None:
    outcome = await client.transcribe(clip.path, language=clip.known_language, diarize=False)
    if outcome.error:
        raise ServiceRefused(f"The service answered {clip.id} with {outcome.error}.")


def _clip_of_ten_seconds(items: Sequence[Item]) -> Item:
    return min((item for item in items if item.set == "utt_en"), key=lambda item: abs(item.seconds - _CLIP_S))


def _clips_like(clip: Item, items: Sequence[Item]) -> list[Item]:
    """Return eight different recordings of about the clip's length, so that no cache can help."""
    alike = sorted((item for item in items if item.set == "utt_en"), key=lambda item: abs(item.seconds - clip.seconds))
    return alike[:AT_ONCE]


def latency_report(clip: Item, long: Item, timings: Timings, *, command: str) -> Report:
    """Lay out medians and the factors between them."""
    http_s = median(timings.http_s)
    rows = [_row("over HTTP", timings.http_s), _row("in-process", timings.in_process_s)]
    rows += [_row("SSE: first event", timings.first_event_s), _row("SSE: first text", timings.first_segment_s)]
    rows.append(_row(f"over HTTP while {long.id} is transcribed", timings.beside_long_s))
    rows.append(_row(f"{AT_ONCE} clips at once, until the last answer", timings.eight_at_once_s))
    rows.append(_row(f"{AT_ONCE} clips one at a time through faster-whisper", timings.eight_by_peer_s))
    factors = {
        "HTTP / in-process": http_s / median(timings.in_process_s),
        f"rate of {AT_ONCE} at once / faster-whisper one at a time": median(
            [peer / ours for peer, ours in zip(timings.eight_by_peer_s, timings.eight_at_once_s, strict=True)]
        ),
        "beside a long file / idle": median(timings.beside_long_s) / http_s,
        "SSE first text / HTTP": median(timings.first_segment_s) / http_s if timings.first_segment_s else None,
    }
    tables = [
        Table(
            title="Latency",
            columns=["what", "median s", "lowest – highest s", "requests"],
            rows=rows,
            note=f"{clip.id}, {clip.seconds:.1f} s, without speakers, warm service.",
        ),
        Table(
            title="Factors", columns=["of", "factor"], rows=[[name, number(value)] for name, value in factors.items()]
        ),
    ]
    seconds = {name: getattr(timings, name) for name in Timings.__slots__}
    return Report(name="latency", command=command, tables=tables, numbers={"seconds": seconds, "factors": factors})


def _row(what: str, times_s: Sequence[float]) -> list[str]:
    if not times_s:
        return [what, "–", "–", "0"]
    return [what, number(median(times_s), 3), f"{min(times_s):.3f} – {max(times_s):.3f}", str(len(times_s))]
