"""Uploads and downloads that break off, grow too large or meet others leave nothing half done."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from stored import MIB, contents, in_chunks, keys

from serve_app.adapters.objects import LocalObjectStore, S3ObjectStore, S3Settings
from serve_app.errors import FileTooLarge
from serve_app.ports.objects import ObjectStore


async def test_a_file_over_the_limit_is_refused_while_it_comes(store: ObjectStore, folder: str) -> None:
    taken = 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(MIB)

    with pytest.raises(FileTooLarge) as refusal:
        await store.put_file(f"{folder}/a", endless(), content_type="audio/wav", max_bytes=20 * MIB)

    assert refusal.value.details == {"limit": 20 * MIB}
    assert taken == 21
    assert await store.stat(f"{folder}/a") is None
    assert await store.discard_abandoned(older_than_s=-60) == 0


async def test_an_upload_that_breaks_off_leaves_what_was_there(store: ObjectStore, folder: str) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        for _ in range(12):
            yield bytes(MIB)
        raise ConnectionResetError

    await store.put_file(f"{folder}/a", in_chunks(b"as it was"), content_type="audio/wav")
    for key in ("a", "b"):
        with pytest.raises(ConnectionResetError):
            await store.put_file(f"{folder}/{key}", broken(), content_type="audio/wav")

    assert await contents(store, f"{folder}/a") == b"as it was"
    assert await keys(store, f"{folder}/") == {f"{folder}/a"}
    assert await store.discard_abandoned(older_than_s=-60) == 0


async def test_an_upload_that_is_cancelled_leaves_nothing(store: ObjectStore, folder: str) -> None:
    stuck = asyncio.Event()

    async def stalling() -> AsyncGenerator[bytes]:
        for _ in range(12):
            yield bytes(MIB)
        stuck.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(store.put_file(f"{folder}/a", stalling(), content_type="audio/wav"))
    await stuck.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert await store.stat(f"{folder}/a") is None
    assert await store.discard_abandoned(older_than_s=-60) == 0


async def test_a_reader_keeps_the_object_that_it_began_to_read(store: ObjectStore, folder: str) -> None:
    first, then = bytes(3 * MIB), b"\1" * 3 * MIB
    await store.put_file(f"{folder}/a", in_chunks(first), content_type="audio/wav")
    reader = store.read(f"{folder}/a")
    beginning = await anext(reader)
    await store.put_file(f"{folder}/a", in_chunks(then), content_type="audio/wav")

    assert beginning + b"".join([chunk async for chunk in reader]) == first


async def test_many_writers_of_one_key_leave_one_of_theirs(store: ObjectStore, folder: str) -> None:
    written = [bytes([number]) * (2 * MIB) for number in range(8)]
    await asyncio.gather(
        *(store.put_file(f"{folder}/a", in_chunks(content), content_type="audio/wav") for content in written)
    )
    assert await contents(store, f"{folder}/a") in written


async def test_writing_and_deleting_side_by_side_harms_neither(store: ObjectStore, folder: str) -> None:
    async def write_and_delete(number: int) -> None:
        for _ in range(5):
            await store.put_file(f"{folder}/deep/down/{number}", in_chunks(b"x"), content_type="text/plain")
            await store.delete(f"{folder}/deep/down/{number}")

    await asyncio.gather(*(write_and_delete(number) for number in range(8)))
    assert await keys(store, f"{folder}/") == set()


async def test_what_a_crash_left_is_swept_when_it_is_old(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    await _leave_half(store, f"{folder}/half", tmp_path)
    if isinstance(store, LocalObjectStore):  # all uploads to moto's server began in 2010
        assert await store.discard_abandoned(older_than_s=3600) == 0
    assert await store.discard_abandoned(older_than_s=-60) == 1
    assert await store.discard_abandoned(older_than_s=-60) == 0


async def test_many_that_a_crash_left_are_swept_in_several_turns(
    store: ObjectStore, folder: str, tmp_path: Path
) -> None:
    for number in range(5):
        await _leave_half(store, f"{folder}/half{number}", tmp_path)
    assert [await store.discard_abandoned(older_than_s=-60, limit=3) for _ in range(3)] == [3, 2, 0]


async def test_one_that_cannot_be_removed_keeps_no_other(
    store: ObjectStore, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        await _leave_half(store, f"{folder}/half{number}", tmp_path)
    refuse = [True, False, False]
    if isinstance(store, LocalObjectStore):
        unlink = Path.unlink

        def refusing(path: Path, missing_ok: bool = False) -> None:
            if refuse.pop(0):
                raise PermissionError
            unlink(path, missing_ok)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refusing)
            assert await store.discard_abandoned(older_than_s=-60) == 2
    elif isinstance(store, S3ObjectStore):
        abort = store._client.abort_multipart_upload

        def refusing_one(**upload: str) -> None:
            if refuse.pop(0):
                raise ConnectionResetError
            abort(**upload)

        with monkeypatch.context() as patch:
            patch.setattr(store._client, "abort_multipart_upload", refusing_one)
            assert await store.discard_abandoned(older_than_s=-60) == 2
    assert "abandoned_upload_stays " in caplog.text
    assert await store.discard_abandoned(older_than_s=-60) == 1


async def _leave_half(store: ObjectStore, key: str, tmp_path: Path) -> None:
    """Leave what a crash leaves of an upload."""
    if isinstance(store, LocalObjectStore):
        (tmp_path / "objects" / ".incoming" / key.rpartition("/")[2]).write_bytes(b"x")
    elif isinstance(store, S3ObjectStore):
        store._client.create_multipart_upload(Bucket=store._settings.bucket, Key=key)


async def test_a_download_that_breaks_off_goes_on_where_it_was(
    s3_settings: S3Settings, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ReadTimeoutError
    from botocore.response import StreamingBody

    store = S3ObjectStore(s3_settings)
    content = os.urandom(4 * MIB)
    await store.put_file(f"{folder}/a", in_chunks(content), content_type="audio/wav")
    genuine, n_reads = StreamingBody.read, 0

    def breaking(body: StreamingBody, amount: int | None = None) -> bytes:
        nonlocal n_reads
        n_reads += 1
        if n_reads in (2, 4):
            raise ReadTimeoutError(endpoint_url="")
        return bytes(genuine(body, amount))

    monkeypatch.setattr(StreamingBody, "read", breaking)
    assert await contents(store, f"{folder}/a") == content
    assert n_reads > 4
