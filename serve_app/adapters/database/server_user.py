"""Who the embedded server runs as. PostgreSQL refuses to be root, so a service that is root lends it another user."""

from __future__ import annotations

import logging
import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CANDIDATES = ("hark", "postgres", "nobody")  # the first that the system knows; none is created

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUser:
    """A system user; without a uid it is the one we are."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Make a file or directory the user's."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def process_options(self) -> dict[str, Any]:
        """Return subprocess's options that run a program as the user, with none of our groups."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user(directory: Path, binaries: Path) -> ServerUser:
    """Make the server's directory, reachable for the user it will run as, and return that user.

    Raises LookupError or OSError saying what to do when there is no way.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        directory.chmod(0o700)
        return ServerUser()
    user = _user_for(directory)
    user.own(directory)
    directory.chmod(0o700)
    for path in (directory, binaries / "postgres"):
        _let_through(path.parents)
    check = subprocess.run(  # noqa: S603 - the wheel's own program
        [str(binaries / "postgres"), "--version"], cwd=directory, capture_output=True, check=False,
        **user.process_options(),
    )  # fmt: skip
    if check.returncode:
        raise PermissionError(
            f"PostgreSQL does not run as root, and the user of {directory} cannot run {binaries / 'postgres'}: run the "
            "service as an ordinary user, or set HARK_DATABASE_URL to a PostgreSQL server."
        )
    return user


def _user_for(directory: Path) -> ServerUser:
    """Return the owner of the directory if that is not root, else the first candidate."""
    owner = directory.stat()
    if owner.st_uid != 0:
        return ServerUser(uid=owner.st_uid, gid=owner.st_gid)
    for name in CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(uid=found.pw_uid, gid=found.pw_gid)
    raise LookupError(
        f"PostgreSQL does not run as root and none of the users {', '.join(CANDIDATES)} exists: run the service as an "
        "ordinary user, or set HARK_DATABASE_URL to a PostgreSQL server."
    )


def _let_through(parents: Any) -> None:
    """Let others pass through directories, without letting them list or read anything: the server's own lies below."""
    for parent in parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
            log.warning("opened_for_passage", extra={"directory": str(parent)})
