"""Objects to store, and what is in a store."""

from __future__ import annotations

from collections.abc import AsyncIterator

from serve_app.adapters.objects import UrlSigner
from serve_app.ports.objects import ByteRange, ObjectStore

MIB = 1 << 20
SPEECH = bytes(range(256)) * 100
SIGNER = UrlSigner(["a secret of the tests", "the secret before it"], base_url="https://hark.example")


async def in_chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def contents(store: ObjectStore, key: str, byte_range: ByteRange | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, byte_range)])


async def keys(store: ObjectStore, prefix: str) -> set[str]:
    return {info.key async for info in store.list(prefix)}
