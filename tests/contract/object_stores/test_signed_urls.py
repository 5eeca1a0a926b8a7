"""A signed URL allows what it was signed for, and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from s3_server import S3Server
from stored import SIGNER, SPEECH, contents, in_chunks, keys

from serve_app.adapters.objects import LocalObjectStore, S3ObjectStore, S3Settings
from serve_app.errors import Forbidden
from serve_app.ports.objects import ObjectInfo, ObjectStore, SignedUrl


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
