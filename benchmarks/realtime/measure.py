"""Captions while they are spoken: how late they come, what they cost and how many words are right."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.common.dataset import chosen_items, read_items
from benchmarks.common.errors import ServiceRefused
from benchmarks.common.hark_client import HarkClient
from benchmarks.common.live_client import PLATFORM, Dialect, LiveRun, sixtydb, speak
from benchmarks.common.processes import service_processes, watched
from benchmarks.common.report import RESULTS, write_report
from benchmarks.common.scheduling import ahead_of_others
from benchmarks.common.scoring import WordErrors, total_word_errors, word_errors
from benchmarks.library_peers.process import Task, default_conditions
from benchmarks.realtime.delays import Delays, delays_of, retractions, text_of
from benchmarks.realtime.naive_captions import Captions, run_naive
from benchmarks.realtime.playlists import Playlist, deal, playlist, write_wav
from benchmarks.realtime.report import Level, Naive, realtime_report

UTTERANCE_END_MS = 500
_STAGGER_S = 0.37  # sessions do not begin together
_IDLE_S = 5.0

Say = Callable[[str], None]


async def measure_realtime(
    *,
    url: str,
    sets: Sequence[str],
    limit: int | None,
    sessions: Sequence[int],
    seconds: float | None,
    naive_s: float,
    both_dialects: bool,
    service_pid: int | None,
    command: str,
    results: Path = RESULTS,
    say: Say = lambda _: None,
) -> str:
    """Stream to so many sessions at once, one number after the other, write the report and return it as Markdown."""
    items = [item for item in chosen_items(read_items(), sets=sets, limit=limit) if item.is_scored_for_words]
    if not items:
        raise ValueError(f"No recording of {', '.join(sets)} has a transcript that can be scored.")
    say("recordings are read")
    playlists = [playlist(own) for own in deal(items, max(sessions), seconds=seconds)]
    async with HarkClient(url) as client:
        await client.require_service()
        say("the same sound through the batch route")
        batch = [await _batch_errors(client, own) for own in playlists]
    processes = service_processes(service_pid)
    with watched(processes) as idle:
        await asyncio.sleep(_IDLE_S)
    dialects = (PLATFORM, sixtydb(utterance_end_ms=UTTERANCE_END_MS)) if both_dialects else (PLATFORM,)
    levels = []
    for n in sessions:
        for dialect in dialects:
            say(f"{n} at once on {dialect.name}")
            with watched(processes) as usage, ahead_of_others():
                runs = await _at_once(url, dialect, playlists[:n])
            levels.append(
                Level(
                    dialect=dialect.name,
                    n_sessions=len(runs),
                    audio_s=sum(run.audio_s for run in runs),
                    cpu_s=usage.cpu_s or None,
                    peak_pss_bytes=usage.peak_pss_bytes or None,
                    delays=_delays(runs, playlists),
                    words=_errors(runs, playlists),
                    batch_words=total_word_errors(batch[: len(runs)]),
                    retractions=sum(retractions(run) for run in runs),
                    bad_ends=sum(run.close_code != 1000 for run in runs),
                    latest_send_s=max(run.latest_send_s for run in runs),
                )
            )
    naive = await _naive(playlists[0], naive_s, say) if naive_s > 0 else []
    report = realtime_report(
        levels,
        naive,
        n_recordings=len(items),
        sets=sets,
        idle_cpu_share=idle.cpu_s / _IDLE_S,
        utterance_end_ms=UTTERANCE_END_MS,
        command=command,
    )
    return write_report(report, results)


async def _at_once(url: str, dialect: Dialect, playlists: Sequence[Playlist]) -> list[LiveRun]:
    return await asyncio.gather(
        *(
            speak(url, dialect, own.samples, language=own.language, delay_s=_STAGGER_S * index)
            for index, own in enumerate(playlists)
        )
    )


async def _batch_errors(client: HarkClient, own: Playlist) -> WordErrors:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "playlist.wav"
        write_wav(own.samples, path)
        outcome = await client.transcribe(path, language=own.language, diarize=False)
    if outcome.error:
        raise ServiceRefused(f"The batch route answered {outcome.error}.")
    return word_errors(reference=own.reference, heard=outcome.text, language=own.language)


def _errors(runs: Sequence[LiveRun], playlists: Sequence[Playlist]) -> WordErrors:
    return total_word_errors(
        word_errors(reference=own.reference, heard=text_of(run), language=own.language)
        for run, own in zip(runs, playlists, strict=False)
    )


def _delays(runs: Sequence[LiveRun], playlists: Sequence[Playlist]) -> Delays:
    total = Delays()
    for run, own in zip(runs, playlists, strict=False):
        total.add(delays_of(run, own.spoken))
    return total


async def _naive(own: Playlist, seconds: float, say: Say) -> list[Naive]:
    """Caption the beginning of a session: recording by recording, and as the one stream that it is."""
    chosen = list(own.items[:1])
    for item in own.items[1:]:
        if sum(taken.seconds for taken in chosen) + item.seconds > seconds:
            break
        chosen.append(item)
    parts = [(playlist([item]), item.text or "") for item in chosen]
    whole = (playlist(chosen), " ".join(text for _, text in parts))
    found = []
    for name, streams in (("a buffer a recording", parts), ("one buffer for the session", [whole])):
        say(f"the naive design, {name}")
        with tempfile.TemporaryDirectory() as folder:
            tasks = []
            for index, (stream, _) in enumerate(streams):
                path = Path(folder) / f"{index}.wav"
                write_wav(stream.samples, path)
                tasks.append(Task(id=str(index), path=path, language=own.language))
            captions = await asyncio.to_thread(run_naive, tasks, default_conditions())
        found.append(_naive_of(name, captions, streams, language=own.language))
    return found


def _naive_of(
    name: str, captions: Sequence[Captions], streams: Sequence[tuple[Playlist, str]], *, language: str | None
) -> Naive:
    result = Naive(name=name, audio_s=sum(c.audio_s for c in captions), cpu_s=sum(c.cpu_s for c in captions))
    for shown, (stream, reference) in zip(captions, streams, strict=True):
        if stream.spoken and shown.first_s is not None:
            result.first_s.append(shown.first_s - stream.spoken[0].start_s)
        if stream.spoken and shown.last_change_s is not None:
            result.final_s.append(shown.last_change_s - stream.spoken[-1].end_s)
        result.settled_s += shown.settled()
        result.words += word_errors(reference=reference, heard=shown.text, language=language)
    return result
