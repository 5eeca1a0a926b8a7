"""One suite for every object store: a local directory, and S3 over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx
import pytest
from s3_server import ACCESS_KEY_ID, SECRET, S3Server

from serve_app.adapters.objects import LocalObjectStore, S3ObjectStore, S3Settings, UrlSigner
from serve_app.errors import FileTooLarge, Forbidden, InvalidRequest, NotFound, SpeechError, StorageUnavailable
from serve_app.ports.objects import ByteRange, ObjectInfo, ObjectStore, SignedUrl

MIB = 1 << 20
SPEECH = bytes(range(256)) * 100
SIGNER = UrlSigner(["a secret of the tests", "the secret before it"], base_url="https://hark.example")


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def s3_settings(s3_server: S3Server) -> S3Settings:
    import boto3

    settings = S3Settings(
        bucket="speech",
        endpoint_url=s3_server.url,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET,
        part_bytes=5 * MIB,
    )
    boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
    ).create_bucket(Bucket=settings.bucket)
    return settings


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalObjectStore(tmp_path / "objects", SIGNER)
    return S3ObjectStore(request.getfixturevalue("s3_settings"))


@pytest.fixture
def folder() -> str:
    return f"tests/{uuid4().hex}"


async def in_chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def contents(store: ObjectStore, key: str, byte_range: ByteRange | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, byte_range)])


async def keys(store: ObjectStore, prefix: str) -> set[str]:
    return {info.key async for info in store.list(prefix)}


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


async def test_a_file_of_exactly_the_limit_is_taken(store: ObjectStore, folder: str) -> None:
    put = await store.put_file(f"{folder}/a", in_chunks(SPEECH), content_type="audio/wav", max_bytes=len(SPEECH))
    assert put.size_bytes == len(SPEECH)


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


async def test_listing_and_sweeping_stay_under_the_prefix(store: ObjectStore, folder: str) -> None:
    inside = {f"{folder}/1", f"{folder}/1/a", f"{folder}/1/b/c", f"{folder}/1/b"}
    outside = {f"{folder}/12/a", f"{folder}/2"}
    for key in inside | outside:
        await store.put_file(key, in_chunks(b"x"), content_type="text/plain")

    assert await keys(store, f"{folder}/") == inside | outside
    assert await keys(store, f"{folder}/1/") == inside - {f"{folder}/1"}
    assert await store.delete_prefix(f"{folder}/1/") == 3
    assert await keys(store, f"{folder}/") == outside | {f"{folder}/1"}
    assert await store.delete_prefix(f"{folder}/nothing/") == 0


async def test_more_objects_than_a_page_holds_are_listed_and_swept(store: ObjectStore, folder: str) -> None:
    names = {f"{folder}/{number:04}" for number in range(1_100)}
    for number in range(0, 1_100, 50):
        await asyncio.gather(
            *(
                store.put_file(f"{folder}/{n:04}", in_chunks(b"x"), content_type="text/plain")
                for n in range(number, number + 50)
            )
        )

    assert await keys(store, f"{folder}/") == names
    assert await store.delete_prefix(f"{folder}/") == 1_100
    assert await keys(store, f"{folder}/") == set()


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


@pytest.mark.parametrize("prefix", ["", "a", "../", "a/../"])
async def test_a_sweep_needs_a_whole_folder(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidRequest):
        await store.delete_prefix(prefix)


async def test_a_signed_upload_and_download_need_nothing_else(store: ObjectStore, folder: str) -> None:
    put = await store.signed_url(
        "PUT", f"{folder}/a.wav", expires_in_s=60, content_type="audio/wav", max_bytes=len(SPEECH)
    )
    assert put.headers == {"Content-Type": "audio/wav"}
    assert (await sent(store, put, SPEECH)).status_code == 200
    found = await store.stat(f"{folder}/a.wav")
    assert found is not None
    assert (found.size_bytes, found.content_type) == (len(SPEECH), "audio/wav")

    get = await store.signed_url("GET", f"{folder}/a.wav", expires_in_s=60)
    assert (await sent(store, get)).content == SPEECH


@pytest.mark.parametrize("change", ["key", "signature", "method", "content type", "expiry", "query", "none, but late"])
async def test_a_signed_upload_allows_nothing_else(
    store: ObjectStore, folder: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    signed = await store.signed_url("PUT", f"{folder}/a.wav", expires_in_s=60, content_type="audio/wav")
    lasting = await store.signed_url("PUT", f"{folder}/a.wav", expires_in_s=600, content_type="audio/wav")
    changed = {
        "key": replace(signed, url=signed.url.replace("a.wav", "b.wav")),
        "signature": replace(signed, url=signed.url[:-4] + "abcd"),
        "method": replace(signed, method="GET"),
        "content type": replace(signed, headers={"Content-Type": "video/mp4"}),
        "expiry": replace(signed, url=with_expiry_of(signed.url, lasting.url)),
        "query": replace(signed, url=signed.url.replace("X-Amz-Date=2", "X-Amz-Date=3").replace("=audio", "=video")),
        "none, but late": signed,
    }[change]
    later_s = 61 if change == "none, but late" else 0
    monkeypatch.setattr(s3_server, "ahead_s", later_s)

    assert (await sent(store, changed, SPEECH, later_s=later_s)).status_code == 403
    assert await keys(store, f"{folder}/") == set()


async def test_s3_signs_the_content_type_of_an_upload(s3_settings: S3Settings) -> None:
    url = await S3ObjectStore(s3_settings).signed_url("PUT", "a", expires_in_s=90, content_type="audio/wav")
    query = dict(parse_qsl(urlsplit(url.url).query))

    assert query["X-Amz-SignedHeaders"] == "content-type;host"
    assert query["X-Amz-Expires"] == "90"


async def test_clients_are_sent_to_the_public_address_of_the_storage(s3_settings: S3Settings) -> None:
    store = S3ObjectStore(replace(s3_settings, public_endpoint_url="https://media.hark.example"))
    url = await store.signed_url("GET", "a", expires_in_s=90)

    assert url.url.startswith("https://media.hark.example/speech/a?")
    assert await store.stat("a") is None


async def test_storage_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    nobody = S3Settings(
        bucket="speech",
        endpoint_url="http://127.0.0.1:9",
        access_key_id="a",
        secret_access_key="b",  # noqa: S106
        attempts=2,
        connect_timeout_s=1,
    )
    await refuses_everything(S3ObjectStore(nobody))


async def test_a_bucket_that_is_not_there_is_unavailable(s3_settings: S3Settings) -> None:
    await refuses_everything(S3ObjectStore(replace(s3_settings, bucket="nobodys")))


async def test_a_disk_that_fails_is_unavailable(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects", SIGNER)
    (tmp_path / "objects" / ".incoming").rmdir()
    (tmp_path / "objects" / ".incoming").touch()
    with pytest.raises(StorageUnavailable):
        await store.put_file("a", in_chunks(b"x"), content_type="text/plain")


async def test_what_a_crash_left_is_swept_when_it_is_old(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    if isinstance(store, LocalObjectStore):
        (tmp_path / "objects" / ".incoming" / "half").write_bytes(b"x")
    elif isinstance(store, S3ObjectStore):
        client, bucket = store._client, store._settings.bucket
        client.create_multipart_upload(Bucket=bucket, Key=f"{folder}/half")

    if isinstance(store, LocalObjectStore):  # all uploads to moto's server began in 2010
        assert await store.discard_abandoned(older_than_s=3600) == 0
    assert await store.discard_abandoned(older_than_s=-60) == 1
    assert await store.discard_abandoned(older_than_s=-60) == 0


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


async def refuses_everything(store: ObjectStore) -> None:
    with pytest.raises(StorageUnavailable):
        await store.put_file("a", in_chunks(b"x"), content_type="text/plain")
    with pytest.raises(SpeechError):
        await contents(store, "a")
    with pytest.raises(StorageUnavailable):
        await keys(store, "")


def with_expiry_of(url: str, other: str) -> str:
    """Return a URL with the expiry of another, and its own signature."""
    name = "X-Amz-Expires" if "X-Amz-Expires" in url else "expires"
    mine, theirs = (dict(parse_qsl(urlsplit(each).query))[name] for each in (url, other))
    return url.replace(f"{name}={mine}", f"{name}={theirs}")


async def sent(store: ObjectStore, signed: SignedUrl, body: bytes = b"", *, later_s: float = 0) -> httpx.Response:
    """Use a signed URL: over HTTP, or at the local store as the service's own route does."""
    if isinstance(store, LocalObjectStore):
        return await sent_to_route(store, signed, body, time.time() + later_s)
    async with httpx.AsyncClient() as client:
        return await client.request(
            signed.method, signed.url, headers=dict(signed.headers), content=body if signed.method == "PUT" else None
        )


async def sent_to_route(store: LocalObjectStore, signed: SignedUrl, body: bytes, now: float) -> httpx.Response:
    parts = urlsplit(signed.url)
    key = parts.path.removeprefix("/v1/objects/")
    try:
        grant = SIGNER.verify(signed.method, key, parse_qsl(parts.query), signed.headers.get("Content-Type"), now)
    except Forbidden:
        return httpx.Response(403)
    if grant.method == "GET":
        return httpx.Response(200, content=await contents(store, grant.key))
    info: ObjectInfo = await store.put_file(
        grant.key, in_chunks(body), content_type=grant.content_type or "", max_bytes=grant.max_bytes
    )
    return httpx.Response(200, json={"size": info.size_bytes})
