"""Objects as files of one directory, reached from outside through this service's own signed URLs."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from serve_app.adapters.objects.chunks import CHUNK_BYTES, bounded_chunks, on_disk, save
from serve_app.adapters.objects.signing import UrlSigner
from serve_app.errors import InvalidRequest, NotFound
from serve_app.ports.objects import ByteRange, Content, Method, ObjectInfo, SignedUrl, checked_key, checked_prefix

log = logging.getLogger("hark.objects")

# No key holds a tilde, so that `a` and `a/b` can both be keys and no key names a file of another kind.
_DATA, _TYPE = "~data", "~type"
_INCOMING = ".incoming"
_TRIES = 64
_LISTED_AT_ONCE = 500
_DEFAULT_TYPE = "application/octet-stream"


class LocalObjectStore:
    """An ObjectStore in a directory, which several processes of one machine, or of a shared disk, may use together.

    A write goes to a file of its own, is flushed to the disk, and takes the object's place in one step.
    """

    def __init__(self, root: Path, signer: UrlSigner, *, clock: Callable[[], float] = time.time) -> None:
        self._root = root.absolute()
        self._incoming = self._root / _INCOMING
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)  # recordings are nobody else's business
        self._incoming.mkdir(exist_ok=True)
        self._signer = signer
        self._clock = clock

    async def put_file(
        self, key: str, content: Content, *, content_type: str, max_bytes: int | None = None
    ) -> ObjectInfo:
        base = self._base(key)
        upload = await on_disk(_Upload, self._incoming)
        try:
            async with contextlib.aclosing(bounded_chunks(content, max_bytes=max_bytes)) as chunks:
                async for chunk in chunks:
                    await on_disk(upload.file.write, chunk)
            return await on_disk(upload.take_place, base, key, content_type)
        finally:
            await on_disk(upload.discard)

    async def read(self, key: str, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes]:
        wanted = byte_range or ByteRange()
        with await on_disk(_open, self._base(key)) as file:
            await on_disk(file.seek, wanted.start)
            left = None if wanted.stop is None else wanted.stop - wanted.start
            while chunk := await on_disk(file.read, CHUNK_BYTES if left is None else min(left, CHUNK_BYTES)):
                yield chunk
                if left is not None:
                    left -= len(chunk)

    async def download(self, key: str, to_path: str | Path) -> ObjectInfo:
        found = await self.stat(key)
        if found is None:
            raise _not_found()
        await save(self.read(key), to_path)
        return found

    async def stat(self, key: str) -> ObjectInfo | None:
        return await on_disk(_stat, self._base(key), key)

    async def delete(self, key: str) -> None:
        await on_disk(_delete, self._base(key), self._root)

    async def list(self, prefix: str = "") -> AsyncGenerator[ObjectInfo]:
        found = _walk(self._root / checked_prefix(prefix), prefix)
        while batch := await on_disk(lambda: list(islice(found, _LISTED_AT_ONCE))):
            for info in batch:
                yield info

    async def discard_abandoned(self, *, older_than_s: float, limit: int = 1000) -> int:
        return await on_disk(_discard_files, self._incoming, before_s=self._clock() - older_than_s, limit=limit)

    async def signed_url(
        self,
        method: Method,
        key: str,
        *,
        expires_in_s: int,
        content_type: str | None = None,
        max_bytes: int | None = None,
    ) -> SignedUrl:
        if method == "PUT" and not content_type:
            raise InvalidRequest("An upload needs a content type.")
        signed_type = content_type if method == "PUT" else None
        url = self._signer.sign(
            method,
            key,
            expires_at_s=int(self._clock()) + expires_in_s,
            content_type=signed_type,
            max_bytes=max_bytes if method == "PUT" else None,
        )
        return SignedUrl(url=url, method=method, headers={"Content-Type": signed_type} if signed_type else {})

    def _base(self, key: str) -> Path:
        return self._root / checked_key(key)


class _Upload:
    """A file on its way to becoming an object."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / secrets.token_hex(16)
        self._type_path = self._path.with_name(self._path.name + _TYPE)
        self.file = self._path.open("xb")

    def take_place(self, base: Path, key: str, content_type: str) -> ObjectInfo:
        """Become the object, durably and in one step."""
        self.file.flush()
        os.fsync(self.file.fileno())
        size_bytes = self.file.tell()
        self.file.close()
        self._type_path.write_text(content_type)
        _move(self._type_path, base.with_name(base.name + _TYPE))
        _move(self._path, base.with_name(base.name + _DATA))
        _sync_directory(base.parent)
        found = _stat(base, key)
        return found or ObjectInfo(  # another writer has deleted it meanwhile
            key=key, size_bytes=size_bytes, content_type=content_type, modified_at=datetime.now(UTC)
        )

    def discard(self) -> None:
        """Leave nothing behind of an upload that did not take its place."""
        with contextlib.suppress(OSError):  # a full disk has been told of already
            self.file.close()
        self._path.unlink(missing_ok=True)
        self._type_path.unlink(missing_ok=True)


def _move(path: Path, to_path: Path) -> None:
    for _ in range(_TRIES):  # deletions remove directories that they leave empty, while these are being made too
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            to_path.parent.mkdir(parents=True, exist_ok=True)
            path.replace(to_path)
            return
    path.replace(to_path)


def _sync_directory(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open(base: Path) -> BinaryIO:
    try:
        return base.with_name(base.name + _DATA).open("rb")
    except FileNotFoundError:
        raise _not_found() from None


def _stat(base: Path, key: str) -> ObjectInfo | None:
    try:
        found = base.with_name(base.name + _DATA).stat()
    except FileNotFoundError:
        return None
    content_type = _DEFAULT_TYPE
    with contextlib.suppress(FileNotFoundError):
        content_type = base.with_name(base.name + _TYPE).read_text()
    return _info(key, found, content_type)


def _info(key: str, found: os.stat_result, content_type: str | None) -> ObjectInfo:
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return ObjectInfo(key=key, size_bytes=found.st_size, modified_at=modified_at, content_type=content_type)


def _delete(base: Path, root: Path) -> None:
    base.with_name(base.name + _DATA).unlink(missing_ok=True)
    base.with_name(base.name + _TYPE).unlink(missing_ok=True)
    for directory in base.parents:
        if directory == root:
            return
        try:
            directory.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return  # not empty


def _walk(directory: Path, prefix: str) -> Iterator[ObjectInfo]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(directory / entry.name, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_DATA):
            with contextlib.suppress(FileNotFoundError):
                yield _info(prefix + entry.name.removesuffix(_DATA), entry.stat(), None)


def _discard_files(directory: Path, *, before_s: float, limit: int) -> int:
    """Remove files that were last written to before a time; a write that goes on keeps its file young."""
    n_gone = 0
    for path in islice(_untouched(directory, before_s), limit):
        try:
            path.unlink()
            n_gone += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("abandoned_upload_stays error=%s", type(error).__name__)
    return n_gone


def _untouched(directory: Path, before_s: float) -> Iterator[Path]:
    for path in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before_s:
                yield path


def _not_found() -> NotFound:
    return NotFound("There is no stored object of this key.")
