"""Workers as processes on a real queue: killed, stopped and bereft of their database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from job_world import Funded, World

from serve_app.jobs.model import Job

BOUNDED_S = 60.0


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """Return the file in which workers write down which chunks they heard."""
    return tmp_path / "heard"


@contextmanager
def worker_process(url: str, root: Path, heard: Path, *, chunk_s: float = 0.05) -> Iterator[subprocess.Popen[bytes]]:
    script = Path(__file__).with_name("job_process.py")
    process = subprocess.Popen([sys.executable, str(script), url, str(root), str(heard), str(chunk_s)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def until(world: World, job: Job, reached: Callable[[Job], bool]) -> Job:
    deadline_s = time.monotonic() + BOUNDED_S
    while not reached(now := await world.job(job)):
        assert not now.has_ended, f"the job is {now.status}: {now.error}"
        assert time.monotonic() < deadline_s, f"the job stayed {now.status} at {now.progress}"
        await asyncio.sleep(0.02)
    return now


def completed(job: Job) -> bool:
    return job.status == "completed"


def heard_chunks(heard: Path) -> list[int]:
    return [int(line) for line in heard.read_text().split()] if heard.exists() else []


async def test_a_job_of_a_killed_worker_is_finished_by_another_without_redoing_chunks(
    world: World, url: str, funded: Funded, tmp_path: Path, heard: Path
) -> None:
    account = await funded(20)
    job = await world.started(account, chunks=20)
    with worker_process(url, tmp_path, heard) as first, worker_process(url, tmp_path, heard):
        await until(world, job, lambda j: j.progress > 0.3)
        first.kill()
        # Either of the two may have had it; the next kill hits whoever has it now, if it was the other.
        done = await until(world, job, completed)
    assert done.credits_charged == 10
    assert sorted(set(heard_chunks(heard))) == list(range(20))
    assert len(heard_chunks(heard)) <= 21  # at most the one that was heard but not yet kept
    assert (await world.service.transcript(account.id, job.id)).text == " ".join(f"word{n}" for n in range(20))
    assert (await world.ledger_lines(account)).count("capture") == 1
    assert await world.database.ledger.balance(account.id) == 10


async def test_ten_jobs_survive_workers_that_are_killed_again_and_again(
    world: World, url: str, funded: Funded, tmp_path: Path, heard: Path
) -> None:
    account = await funded(100)
    jobs = [await world.started(account, chunks=4) for _ in range(10)]
    deadline_s = time.monotonic() + BOUNDED_S
    kills = 0
    while any([not (await world.job(job)).has_ended for job in jobs]):
        assert time.monotonic() < deadline_s
        with worker_process(url, tmp_path, heard, chunk_s=0.1):
            await asyncio.sleep(3.0 + 0.5 * (kills % 3))  # the kill is to come at no certain moment
        kills += 1
    ended = [await world.job(job) for job in jobs]
    assert {job.status for job in ended} == {"completed"}
    assert kills > 1
    assert (await world.ledger_lines(account)).count("capture") == 10
    assert await world.database.ledger.balance(account.id) == 80
    assert await world.database.ledger.discrepancies() == []


async def test_a_worker_told_to_stop_hands_its_job_back_at_once(
    world: World, url: str, funded: Funded, tmp_path: Path, heard: Path
) -> None:
    account = await funded(20)
    job = await world.started(account, chunks=20)
    with worker_process(url, tmp_path, heard, chunk_s=0.1) as first:
        await until(world, job, lambda j: j.progress > 0.2)
        first.terminate()
        assert await asyncio.to_thread(first.wait, 10) == 0
    assert (await world.job(job)).status == "queued"
    with worker_process(url, tmp_path, heard):
        done = await until(world, job, completed)
    assert done.attempts == 2
    assert len(heard_chunks(heard)) <= 21


async def test_a_running_job_that_is_cancelled_stops_in_its_worker(
    world: World, url: str, funded: Funded, tmp_path: Path, heard: Path
) -> None:
    account = await funded(200)
    job, other = await world.started(account, chunks=200), await world.started(account, chunks=4)
    with worker_process(url, tmp_path, heard, chunk_s=0.05):
        await until(world, job, lambda j: j.progress > 0.02)
        await world.service.cancel(account.id, job.id)
        await until(world, other, completed)
        n_heard = len(heard_chunks(heard))
        await asyncio.sleep(0.5)
        assert len(heard_chunks(heard)) <= n_heard + 1
    assert (await world.job(job)).status == "cancelled"
    assert await world.database.ledger.balance(account.id) == 198


async def test_workers_come_back_when_their_connections_are_cut(
    world: World, url: str, funded: Funded, tmp_path: Path, heard: Path
) -> None:
    account = await funded(20)
    job = await world.started(account, chunks=20)
    with worker_process(url, tmp_path, heard, chunk_s=0.1):
        await until(world, job, lambda j: j.progress > 0.1)
        await world.database.sql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        done = await until(world, job, completed)
    assert done.credits_charged == 10
    assert (await world.ledger_lines(account)).count("capture") == 1
    assert sorted(set(heard_chunks(heard))) == list(range(20))
