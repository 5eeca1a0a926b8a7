"""The connection to a bucket: where it is, and how patiently it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Where the bucket is. Without keys, they come from the environment or the machine's role, as usual with boto3."""

    bucket: str
    region: str = "us-east-1"
    endpoint_url: str | None = None  # None: AWS
    public_endpoint_url: str | None = None  # where clients reach the storage, if not under endpoint_url
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    path_style: bool = True  # https://host/bucket/key, which every S3-compatible storage understands
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    attempts: int = 4  # of every call, with backoff
    part_bytes: int = 16 << 20  # of multipart uploads; at most 10,000 parts, so 156 GiB
    parts_in_flight: int = 2
    threads: int = 16


def s3_client(settings: S3Settings, endpoint_url: str | None) -> Any:
    """Return a boto3 client of the storage at this URL, or of AWS."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        region_name=settings.region,
    )
    config = Config(
        signature_version="s3v4",
        connect_timeout=settings.connect_timeout_s,
        read_timeout=settings.read_timeout_s,
        retries={"total_max_attempts": settings.attempts, "mode": "standard"},
        max_pool_connections=settings.threads,
        s3={"addressing_style": "path" if settings.path_style else "virtual"},
        # Newer checksums are unknown to much of what speaks S3; TLS and the ETag guard the transfer.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return session.client("s3", endpoint_url=endpoint_url, config=config)
