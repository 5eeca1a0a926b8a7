"""Forms as they come over the wire: any cut into chunks, any size, any damage."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_service import Service, upload
from hypothesis import given
from hypothesis import strategies as st

from serve_app.api.multipart import Form, FormReader
from serve_app.api.spool import spooled_path, sweep_spool
from serve_app.errors import FileTooLarge, InvalidRequest

BOUNDARY = "3f8c-boundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def encoded(file: bytes | None, fields: Iterable[tuple[str, str]] = (), *, name: str = "a.wav") -> bytes:
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields]
    if file is not None:
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: audio/wav\r\n\r\n'
        parts.append(head.encode() + file)
    delimiter = f"--{BOUNDARY}".encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


async def in_pieces(body: bytes, *, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, path: Path, *, size: int = 65_536, max_file_bytes: int = 10**9) -> Form:
    reader = FormReader(CONTENT_TYPE, path=str(path), max_file_bytes=max_file_bytes)
    return await reader.read(in_pieces(body, size=size))


NEARLY_BOUNDARIES = st.lists(
    st.sampled_from([b"\r", b"\n", b"--", b"\r\n--3f8c", f"\r\n--{BOUNDARY}"[:-1].encode(), b"-", b"x", b"\x00\xff"]),
    max_size=12,
).map(b"".join)


@given(file=st.one_of(st.binary(max_size=300), NEARLY_BOUNDARIES), size=st.integers(1, 40))
def test_a_file_arrives_as_sent_however_the_network_cuts_it(
    tmp_path_factory: pytest.TempPathFactory, file: bytes, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "upload"
    form = asyncio.run(read(encoded(file, [("model", "base"), ("prompt", "Grüße\r\n--")]), path, size=size))
    assert form.file is not None
    assert (path.read_bytes(), form.file.n_bytes, form.file.name) == (file, len(file), "a.wav")
    assert form.fields == {"model": ["base"], "prompt": ["Grüße\r\n--"]}


async def test_a_large_file_is_never_held_in_memory(tmp_path: Path) -> None:
    block = os.urandom(65_536)
    n_blocks = 1_600

    async def body() -> AsyncIterator[bytes]:
        yield encoded(b"")[: -len(f"\r\n--{BOUNDARY}--\r\n")]
        for _ in range(n_blocks):
            yield bytes(bytearray(block))  # a new object each, as a server makes them
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    reader = FormReader(CONTENT_TYPE, path=str(tmp_path / "upload"), max_file_bytes=10**9)
    tracemalloc.start()
    try:
        form = await reader.read(body())
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert form.file is not None
    assert form.file.n_bytes == n_blocks * len(block) == (tmp_path / "upload").stat().st_size
    assert peak_bytes < 8 * 1024**2


async def test_repeated_fields_are_all_kept_in_order(tmp_path: Path) -> None:
    form = await read(encoded(None, [("keywords[]", "b"), ("keywords[]", "a")]), tmp_path / "upload")
    assert form.fields == {"keywords[]": ["b", "a"]}
    assert form.file is None


async def test_a_file_over_the_limit_stops_the_reading(tmp_path: Path) -> None:
    given_out = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given_out
        yield encoded(b"")[: -len(f"\r\n--{BOUNDARY}--\r\n")]
        while True:
            given_out += 1
            yield b"x" * 1000

    reader = FormReader(CONTENT_TYPE, path=str(tmp_path / "upload"), max_file_bytes=10_000)
    with pytest.raises(FileTooLarge) as refusal:
        await reader.read(endless())
    assert refusal.value.details == {"limit": 10_000}
    assert given_out == 11


async def test_a_file_of_exactly_the_limit_is_accepted(tmp_path: Path) -> None:
    form = await read(encoded(b"x" * 10_000), tmp_path / "upload", max_file_bytes=10_000)
    assert form.file is not None


async def test_parts_nobody_asked_for_cannot_fill_the_service(tmp_path: Path) -> None:
    body = encoded(b"x" * 3_000_000).replace(b'name="file"', b'name="more"')
    with pytest.raises(FileTooLarge):
        await read(body, tmp_path / "upload", max_file_bytes=1_000)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "closing boundary"),
        (b"no multipart at all", "not valid multipart"),
        (encoded(b"cut off")[:-10], "closing boundary"),
        (encoded(b"sound").replace(b"Content-Type", b"Content Type"), "not valid multipart"),
        (encoded(b"one")[: -len(f"--{BOUNDARY}--\r\n")] + encoded(b"two"), "one file"),
        (encoded(None, [("context", "x" * 70_000)]), "'context' is longer"),
        (encoded(None, [(f"field{n}", "") for n in range(101)]), "more than 100 fields"),
    ],
)
async def test_a_damaged_form_is_refused_with_its_fault(tmp_path: Path, body: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        await read(body, tmp_path / "upload")


async def test_a_file_input_left_empty_is_no_file(client: httpx.AsyncClient) -> None:
    body = encoded(b"", name="")
    response = await client.post("/v1/transcribe", content=body, headers={"Content-Type": CONTENT_TYPE})
    assert (response.status_code, response.json()["error_code"]) == (400, "MISSING_FILE")


async def test_a_file_of_zero_bytes_is_called_empty(service: Service, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/transcribe", **upload(b""))
    assert (response.status_code, response.json()["error_code"]) == (400, "CORRUPT_MEDIA")
    assert "empty" in response.json()["error"]
    assert service.transcriber.calls == []


async def test_a_form_without_a_file_is_missing_it(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/transcribe", data={"model": "base"})
    assert (response.status_code, response.json()["error_code"]) == (400, "MISSING_FILE")


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json"}, {}, {"Content-Type": "multipart/form-data"}])
async def test_another_content_type_is_refused_with_a_sentence(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post("/v1/transcribe", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert response.json()["details"]["field"] == "Content-Type"
    assert "multipart" in response.json()["error"]


async def test_a_boundary_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={'b' * 5000}"}
    response = await client.post("/v1/transcribe", content=b"", headers=headers)
    assert response.status_code == 400


async def test_a_declared_size_over_the_limit_is_refused_unread(make_service: Any) -> None:
    service = make_service(max_file_bytes=5_000)

    async def never_read() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {"Content-Type": CONTENT_TYPE, "Content-Length": "2000000"}
    async with service.client() as client:
        response = await client.post("/v1/transcribe", content=never_read(), headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (413, "FILE_TOO_LARGE")
    assert response.json()["details"] == {"limit": 5_000}


async def test_a_spooled_file_is_removed_when_its_use_is_cancelled(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def hold() -> None:
        async with spooled_path(tmp_path):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await entered.wait()
    assert len(os.listdir(tmp_path)) == 1
    task.cancel()
    await asyncio.wait({task})
    assert os.listdir(tmp_path) == []


async def test_a_sweep_removes_what_a_dead_process_left_and_nothing_in_use(tmp_path: Path) -> None:
    (tmp_path / "upload-left").write_bytes(b"half a file")
    (tmp_path / "other").write_bytes(b"not ours")
    async with spooled_path(tmp_path) as in_use:
        assert sweep_spool(tmp_path, older_than_s=0.0) == 1
        assert set(os.listdir(tmp_path)) == {"other", os.path.basename(in_use)}


def test_a_sweep_leaves_fresh_files_alone(tmp_path: Path) -> None:
    (tmp_path / "upload-fresh").touch()
    assert sweep_spool(tmp_path) == 0


async def test_an_upload_that_stalls_is_given_up(make_service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_app.api.upload._IDLE_S", 0.02)

    async def stalling() -> AsyncIterator[bytes]:
        yield encoded(b"sound")[:-20]
        await asyncio.Event().wait()

    service = make_service()
    headers = {"Content-Type": CONTENT_TYPE}
    async with service.client() as client:
        response = await client.post("/v1/transcribe", content=stalling(), headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert service.spooled() == []
