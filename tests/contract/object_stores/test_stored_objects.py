"""What is stored comes back whole, under plain names only."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import time
from pathlib import Path

import pytest
from stored import MIB, SPEECH, contents, in_chunks, keys

from serve_app.adapters.objects import LocalObjectStore
from serve_app.errors import InvalidRequest, NotFound
from serve_app.ports.objects import ByteRange, ObjectStore


async def test_what_was_stored_comes_back_with_its_type(store: ObjectStore, folder: str) -> None:
    before_s = time.time() - 2  # S3 has whole seconds
    put = await store.put_file(f"{folder}/a.wav", in_chunks(SPEECH[:7], SPEECH[7:]), content_type="audio/wav")
    found = await store.stat(f"{folder}/a.wav")

    assert await contents(store, f"{folder}/a.wav") == SPEECH
    assert found == put
    assert (put.key, put.size_bytes, put.content_type) == (f"{folder}/a.wav", len(SPEECH), "audio/wav")
    assert before_s <= put.modified_at.timestamp() <= time.time() + 2


async def test_a_file_is_stored_and_downloaded(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(SPEECH)
    await store.put_file(f"{folder}/a", tmp_path / "in", content_type="audio/wav")
    info = await store.download(f"{folder}/a", tmp_path / "out")

    assert (tmp_path / "out").read_bytes() == SPEECH
    assert (info.size_bytes, info.content_type) == (len(SPEECH), "audio/wav")


async def test_a_large_file_is_stored_whole_in_little_memory(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    block = os.urandom(MIB)
    source = tmp_path / "in"
    with source.open("wb") as file:
        for number in range(64):
            file.write(number.to_bytes(4, "big") + block)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await store.put_file(f"{folder}/large", source, content_type="video/mp4")
    await store.download(f"{folder}/large", tmp_path / "out")
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024

    with source.open("rb") as given, (tmp_path / "out").open("rb") as taken:
        assert hashlib.file_digest(given, "sha256").digest() == hashlib.file_digest(taken, "sha256").digest()
    if isinstance(store, LocalObjectStore):  # moto's server lives in this process and keeps what it is given
        assert grown_mib < 32


async def test_nothing_can_be_stored_too(store: ObjectStore, folder: str) -> None:
    assert (await store.put_file(f"{folder}/a", in_chunks(), content_type="text/plain")).size_bytes == 0
    assert await contents(store, f"{folder}/a") == b""


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (10, 20), (25_000, None), (25_000, 90_000), (25_600, None), (90_000, 90_001), (5, 5)]
)
async def test_a_range_is_that_part_of_the_object(
    store: ObjectStore, folder: str, start: int, stop: int | None
) -> None:
    await store.put_file(f"{folder}/a", in_chunks(SPEECH), content_type="audio/wav")
    assert await contents(store, f"{folder}/a", ByteRange(start=start, stop=stop)) == SPEECH[start:stop]


async def test_an_object_is_replaced(store: ObjectStore, folder: str) -> None:
    await store.put_file(f"{folder}/a", in_chunks(b"first"), content_type="audio/wav")
    await store.put_file(f"{folder}/a", in_chunks(b"then"), content_type="text/plain")

    found = await store.stat(f"{folder}/a")
    assert await contents(store, f"{folder}/a") == b"then"
    assert found is not None
    assert found.content_type == "text/plain"


async def test_what_is_not_there_is_not_found(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    assert await store.stat(f"{folder}/a") is None
    with pytest.raises(NotFound):
        await contents(store, f"{folder}/a")
    with pytest.raises(NotFound):
        await store.download(f"{folder}/a", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    await store.delete(f"{folder}/a")
    assert await keys(store, f"{folder}/") == set()


async def test_a_file_of_exactly_the_limit_is_taken(store: ObjectStore, folder: str) -> None:
    put = await store.put_file(f"{folder}/a", in_chunks(SPEECH), content_type="audio/wav", max_bytes=len(SPEECH))
    assert put.size_bytes == len(SPEECH)


async def test_a_listing_stays_under_the_prefix(store: ObjectStore, folder: str) -> None:
    inside = {f"{folder}/1", f"{folder}/1/a", f"{folder}/1/b/c", f"{folder}/1/b"}
    outside = {f"{folder}/12/a", f"{folder}/2"}
    for key in inside | outside:
        await store.put_file(key, in_chunks(b"x"), content_type="text/plain")

    assert await keys(store, f"{folder}/") == inside | outside
    assert await keys(store, f"{folder}/1/") == inside - {f"{folder}/1"}
    assert await keys(store, f"{folder}/nothing/") == set()


async def test_more_objects_than_a_page_holds_are_listed(store: ObjectStore, folder: str) -> None:
    names = {f"{folder}/{number:04}" for number in range(1_100)}
    for number in range(0, 1_100, 50):
        await asyncio.gather(
            *(
                store.put_file(f"{folder}/{n:04}", in_chunks(b"x"), content_type="text/plain")
                for n in range(number, number + 50)
            )
        )

    assert await keys(store, f"{folder}/") == names


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/etc/passwd", "../a", "a/../b", "a/..", "a//b", "a/", ".", ".incoming/a", "a/.b", "a\\b", "a\0b"),
        *("a b", "a~data", "a\n", "ä", "a?b", "a%2e", "x" * 201, "/".join("x" * 513), "-a"),
    ],
)
async def test_a_key_that_is_no_plain_path_is_refused_everywhere(store: ObjectStore, key: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        await store.put_file(key, in_chunks(b"x"), content_type="text/plain")
    with pytest.raises(InvalidRequest):
        await contents(store, key)
    with pytest.raises(InvalidRequest):
        await store.stat(key)
    with pytest.raises(InvalidRequest):
        await store.delete(key)
    with pytest.raises(InvalidRequest):
        await store.download(key, tmp_path / "out")
    with pytest.raises(InvalidRequest):
        await store.signed_url("GET", key, expires_in_s=60)


@pytest.mark.parametrize("prefix", ["a", "../", "a/../"])
async def test_a_listing_is_of_whole_folders(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidRequest):
        await keys(store, prefix)
