"""Where weights lie on disk, and whether they are all there.

<data_dir>/weights/<name>/           a complete set: it appears by a rename, never file by file
<data_dir>/weights/.partial/         what an interrupted pull keeps for the next one
<data_dir>/weights/.lock             held while a pull runs
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from serve_app.adapters.weights.sets import DiskFullError, WeightFile, WeightsError, WeightSet

BLOCK_BYTES = 1 << 20
SPARE_BYTES = 64 << 20  # left free on the disk whatever is fetched

OnBytes = Callable[[int], None]


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return HARK_DATA_DIR, or the user's data directory."""
    if chosen := environ.get("HARK_DATA_DIR"):
        return Path(chosen).expanduser()
    return Path("~/.local/share/hark").expanduser()


def installed_path(data_dir: Path, name: str) -> Path:
    """Return the directory of a set, whether or not it is installed."""
    return data_dir / "weights" / name


def partial_path(data_dir: Path) -> Path:
    return data_dir / "weights" / ".partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightStatus:
    """What is on disk of one set; `problems` is empty exactly when it can be loaded."""

    name: str
    present: bool
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        return not self.problems


def status(data_dir: Path, weight_set: WeightSet) -> WeightStatus:
    """Compare files and sizes with the registry, without reading the files."""
    root = installed_path(data_dir, weight_set.name)
    if not root.is_dir():
        return WeightStatus(name=weight_set.name, present=False, problems=("not installed",))
    problems = tuple(problem for file in weight_set.files if (problem := _size_problem(root / file.path, file)))
    return WeightStatus(name=weight_set.name, present=True, problems=problems)


def verify(data_dir: Path, weight_set: WeightSet, *, on_bytes: OnBytes = lambda _: None) -> WeightStatus:
    """Read every file and compare its sha256 with the registry; `on_bytes` hears how much was read since."""
    found = status(data_dir, weight_set)
    if not found.present:
        return found
    root = installed_path(data_dir, weight_set.name)
    problems = tuple(
        problem for file in weight_set.files if (problem := file_problem(root / file.path, file, on_bytes=on_bytes))
    )
    return WeightStatus(name=weight_set.name, present=True, problems=problems)


def file_problem(path: Path, file: WeightFile, *, on_bytes: OnBytes = lambda _: None) -> str | None:
    """Say what is wrong with a file, or None when size and sha256 are right."""
    if problem := _size_problem(path, file):
        return problem
    try:
        digest = sha256_of(path, on_bytes=on_bytes)
    except OSError as fault:
        return f"{file.path} cannot be read ({fault.strerror})"
    return None if digest == file.sha256 else f"{file.path} is damaged (its sha256 is not the registry's)"


def _size_problem(path: Path, file: WeightFile) -> str | None:
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        return f"{file.path} is missing"
    except OSError as fault:
        return f"{file.path} cannot be read ({fault.strerror})"
    if size_bytes != file.size_bytes:
        return f"{file.path} has {size_bytes:,} bytes instead of {file.size_bytes:,}"
    return None


def sha256_of(path: Path, *, on_bytes: OnBytes = lambda _: None) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            on_bytes(len(block))
    return digest.hexdigest()


def bytes_under(directory: Path) -> int:
    """Return the size of all files below a directory, which may be changing meanwhile."""
    total_bytes = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                total_bytes += os.stat(os.path.join(parent, name)).st_size
    return total_bytes


def install(staged: Path, target: Path, *, aside: Path) -> None:
    """Rename a complete directory into place, flushed to disk first; what was there before is removed."""
    for path in [*staged.rglob("*"), staged]:
        _flush(path)
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.rename(aside)
    staged.rename(target)
    _flush(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def require_room(directory: Path, wanted_bytes: int) -> None:
    """Raise DiskFullError unless that many bytes fit beside what must stay free."""
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < wanted_bytes + SPARE_BYTES:
        raise DiskFullError(
            f"{(wanted_bytes + SPARE_BYTES) / 1e6:,.0f} MB are needed in {directory} and "
            f"{free_bytes / 1e6:,.0f} MB are free: make room, or point HARK_DATA_DIR to a larger disk."
        )


@contextmanager
def disk_faults_explained(directory: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into sentences."""
    try:
        yield
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"The disk of {directory} is full: make room, or point HARK_DATA_DIR to a larger disk."
            ) from fault
        if fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise WeightsError(
                f"{fault.filename or directory} cannot be written ({fault.strerror}): "
                "change its owner, or set HARK_DATA_DIR to a directory of yours."
            ) from fault
        raise
