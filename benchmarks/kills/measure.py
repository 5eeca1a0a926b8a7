"""Jobs while their service is killed piece by piece: none may be lost, charged twice, or come out otherwise."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from benchmarks.common.audio import SAMPLE, write_repeated
from benchmarks.common.errors import ServiceRefused
from benchmarks.common.job_client import JobClient, JobRun
from benchmarks.common.own_service import OwnService, new_account, own_config, own_directory, running, write_config
from benchmarks.common.report import RESULTS, write_report
from benchmarks.kills.report import PAUSES_S, Aftermath, kills_report

if TYPE_CHECKING:
    from serve_app.adapters.database import Database

DATABASE = "database"
TARGETS = ("job-worker", "ingress", "recognizer-base", "diarizer", "voice-detector", "media", DATABASE)
_REPETITIONS = (2, 4, 6)  # of the sample: recordings of 164, 327 and 491 seconds
_PATIENCE_S = 900.0  # of a client, beyond the time of the kills
_GRANTED = 10_000

Say = Callable[[str], None]
Recordings = Mapping[str, tuple[bytes, float]]
"""By name: a file and its seconds."""


@dataclass(kw_only=True)
class Killer:
    """Kills one process after the other, chosen by chance."""

    service: OwnService
    chance: random.Random
    say: Say
    killed: Counter[str] = field(default_factory=Counter)

    async def kill_for(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while True:
            await asyncio.sleep(self.chance.uniform(*PAUSES_S))
            if time.monotonic() > until_s:
                return
            target = self.chance.choice(TARGETS)
            victims = await asyncio.to_thread(processes_of, self.service, target)
            if not victims:
                self.killed[f"{target} (was away)"] += 1
                continue
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(victims), 9)
                self.killed[target] += 1
                self.say(f"killed: {target}")


def processes_of(service: OwnService, target: str) -> list[int]:
    """Return the processes of a deployment's replicas, or of the database."""
    from configs.storage import embedded_server

    if target == DATABASE:
        pid = embedded_server(service.settings.data_path()).pid()
        return [] if pid is None else [pid]
    import psutil

    found = []
    for ours in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, IndexError):
            if is_replica(ours.cmdline()[0], target):
                found.append(ours.pid)
    return found


async def measure_kills(
    *, jobs: int, minutes: float, seed: int, command: str, results: Path = RESULTS, say: Say = lambda _: None
) -> str:
    """Start a service of its own, kill at it while jobs run, write the report and return it as Markdown."""
    with own_directory() as directory:
        recordings = _recordings(directory)
        say("a service is started")
        with running(write_config(own_config(directory), directory)) as service:
            account_id, key = await service.in_database(partial(new_account, plan="paid", credits_granted=_GRANTED))
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30, trust_env=False) as http:
                say("undisturbed runs")
                undisturbed = await _undisturbed(http, recordings)
                say(f"{jobs} jobs, and kills for {minutes:g} minutes")
                killer = Killer(service=service, chance=random.Random(seed), say=say)  # noqa: S311 - for its repeatability
                client = JobClient(http, patience_s=60 * minutes + _PATIENCE_S)
                killing = asyncio.create_task(killer.kill_for(60 * minutes))
                runs = await _all_jobs(client, recordings, jobs=jobs, begun_within_s=30 * minutes, say=say)
                killing.cancel()
                await asyncio.wait([killing])
            aftermath = await service.in_database(lambda database: _aftermath(database, account_id, runs, undisturbed))
    report = kills_report(runs, undisturbed, killer.killed, client.seen, aftermath, seed=seed, command=command)
    return write_report(report, results)


async def _undisturbed(http: httpx.AsyncClient, recordings: Recordings) -> dict[str, JobRun]:
    """Run a job of each recording, alone."""
    client = JobClient(http, patience_s=_PATIENCE_S)
    runs = {}
    for name, (content, audio_s) in recordings.items():
        runs[name] = await client.run(JobRun(name=name, audio_s=audio_s), content)
        if runs[name].transcript is None:
            raise ServiceRefused(f"A job that nothing disturbed is {runs[name].status}: {runs[name].fault}.")
    return runs


async def _all_jobs(
    client: JobClient, recordings: Recordings, *, jobs: int, begun_within_s: float, say: Say
) -> list[JobRun]:
    """Run jobs, begun one after the other, and wait for the last."""

    async def one(n: int) -> JobRun:
        await asyncio.sleep(n * begun_within_s / jobs)
        name = list(recordings)[n % len(recordings)]
        content, audio_s = recordings[name]
        run = await client.run(JobRun(name=name, audio_s=audio_s), content)
        say(f"job {n + 1}: {run.fault or run.status} after {run.took_s:.0f} s")
        return run

    return await asyncio.gather(*(one(n) for n in range(jobs)))


async def _aftermath(
    database: Database, account_id: str, runs: Sequence[JobRun], undisturbed: Mapping[str, JobRun]
) -> Aftermath:
    entries = await database.ledger.entries(account_id, limit=500)
    return Aftermath(
        entries=Counter(entry.kind for entry in entries),
        granted=_GRANTED,
        balance=await database.ledger.balance(account_id),
        charged=sum(run.job.get("credits_charged", 0) for run in [*runs, *undisturbed.values()]),
        unbalanced=len(await database.ledger.discrepancies()),
        unlike=sum(run.transcript != undisturbed[run.name].transcript for run in runs if run.transcript is not None),
    )


def is_replica(title: str, deployment: str) -> bool:
    """Tell whether a process's title, in which Ray also names the running method, is that of a deployment's replica."""
    begin, _, rest = title.partition(f"ServeReplica:hark:{deployment}")
    return begin == "ray::" and (not rest or rest[0] in ".: ")


def _recordings(directory: Path) -> Recordings:
    made = {}
    for times in _REPETITIONS:
        path = directory / f"{times}.wav"
        audio_s = write_repeated(SAMPLE, path, times=times)
        made[f"{audio_s:.0f} s"] = path.read_bytes(), audio_s
    return made
