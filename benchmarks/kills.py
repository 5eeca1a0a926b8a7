"""Jobs while their service is killed piece by piece: none may be lost, charged twice, or come out otherwise."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import httpx

from benchmarks.audio import write_repeated
from benchmarks.errors import ServiceRefused
from benchmarks.job_client import JobClient, JobRun
from benchmarks.kills_report import PAUSES_S, Aftermath, kills_report
from benchmarks.report import RESULTS, write_report

if TYPE_CHECKING:
    from configs.settings import AppSettings
    from serve_app.adapters.database import Database

SAMPLE = Path(__file__).parents[1] / "tests" / "data" / "sample_meeting.opus"
DATABASE = "database"
TARGETS = ("job-worker", "ingress", "recognizer-base", "diarizer", "voice-detector", "media", DATABASE)
_REPETITIONS = (2, 4, 6)  # of the sample: recordings of 164, 327 and 491 seconds
_PATIENCE_S = 900.0  # of a client, beyond the time of the kills
_GRANTED = 10_000

Result = TypeVar("Result")
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
            victims = await asyncio.to_thread(self.service.processes, target)
            if not victims:
                self.killed[f"{target} (was away)"] += 1
                continue
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(victims), 9)
                self.killed[target] += 1
                self.say(f"killed: {target}")


@dataclass(frozen=True, kw_only=True)
class OwnService:
    """The service of this measurement."""

    url: str
    settings: AppSettings

    def processes(self, target: str) -> list[int]:
        """Return the processes of a deployment's replicas, or of the database."""
        from configs.storage import embedded_server

        if target == DATABASE:
            pid = embedded_server(self.settings.data_path()).pid()
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
    with _fresh_directory() as directory:
        recordings = _recordings(directory)
        say("a service is started")
        with _running(_profile(directory)) as service:
            account_id, key = await _in_database(service, _paying_account)
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
            aftermath = await _in_database(
                service, lambda database: _aftermath(database, account_id, runs, undisturbed)
            )
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


async def _paying_account(database: Database) -> tuple[str, str]:
    from serve_app.admission.keys import new_key

    account, key = await database.accounts.create(plan="paid"), new_key()
    await database.keys.create(account.id, name="bench", digest=key.digest, prefix=key.prefix)
    await database.ledger.grant(account.id, _GRANTED, reference=str(uuid.uuid4()))
    return account.id, key.secret


async def _in_database(service: OwnService, work: Callable[[Database], Awaitable[Result]]) -> Result:
    from configs.storage import open_database

    database = open_database(service.settings.database, service.settings.data_path())
    try:
        return await work(database)
    finally:
        await database.close()


def _recordings(directory: Path) -> Recordings:
    made = {}
    for times in _REPETITIONS:
        path = directory / f"{times}.wav"
        audio_s = write_repeated(SAMPLE, path, times=times)
        made[f"{audio_s:.0f} s"] = path.read_bytes(), audio_s
    return made


@contextmanager
def _fresh_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="hark-", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _profile(directory: Path) -> Path:
    """Write the embedded profile over a data directory of its own, with the weights that are installed."""
    import yaml

    from configs.load import read_profile
    from serve_app.adapters.weights import default_data_dir

    data_dir = directory / "data"
    data_dir.mkdir()
    weights = Path(os.environ.get("HARK_DATA_DIR") or default_data_dir()) / "weights"
    if weights.is_dir():
        (data_dir / "weights").symlink_to(weights)
    config = read_profile("embedded")
    config["applications"][0]["args"]["data_dir"] = str(data_dir)
    profile = directory / "profile.yaml"
    profile.write_text(yaml.safe_dump(config), encoding="utf-8")
    return profile


@contextmanager
def _running(profile: Path) -> Iterator[OwnService]:
    import yaml

    from configs.load import app_settings
    from serve_app.cli.service import started_service

    environment = {name: value for name, value in os.environ.items() if name != "HARK_DATABASE_URL"}
    command = (sys.executable, "-m", "serve_app.cli", "serve", "--profile", str(profile))
    with started_service(command, environment=environment) as url:
        settings = app_settings(yaml.safe_load(profile.read_text(encoding="utf-8")))
        yield OwnService(url=url, settings=settings)
