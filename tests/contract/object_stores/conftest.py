"""Every object store: a local directory, and S3 over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from s3_server import ACCESS_KEY_ID, SECRET, S3Server
from stored import MIB, SIGNER

from serve_app.adapters.objects import LocalObjectStore, S3ObjectStore, S3Settings
from serve_app.ports.objects import ObjectStore


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
