"""Storage that fails is told as unavailable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from stored import SIGNER, contents, in_chunks, keys

from serve_app.adapters.objects import LocalObjectStore, S3ObjectStore, S3Settings
from serve_app.errors import SpeechError, StorageUnavailable
from serve_app.ports.objects import ObjectStore


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


async def refuses_everything(store: ObjectStore) -> None:
    with pytest.raises(StorageUnavailable):
        await store.put_file("a", in_chunks(b"x"), content_type="text/plain")
    with pytest.raises(SpeechError):
        await contents(store, "a")
    with pytest.raises(StorageUnavailable):
        await keys(store, "")
