"""Settings of what is kept: the database, and recordings and results beside it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from configs.base import Settings

if TYPE_CHECKING:
    from serve_app.adapters.database import Database, EmbeddedPostgres
    from serve_app.adapters.objects import UrlSigner
    from serve_app.ports.objects import ObjectStore


class DatabaseSettings(Settings):
    """PostgreSQL: HARK_DATABASE_URL names a server, else one is started in the data directory."""

    url: str | None = Field(default=None, repr=False)
    pool_size: int = Field(default=8, ge=1)  # connections of each ingress replica and job worker
    patience_s: float = Field(default=30.0, ge=0)  # requests wait for so long, from the beginning of an outage


class S3Options(Settings):
    """A bucket. Keys come from the environment or the machine's role, as usual: AWS_ACCESS_KEY_ID and so on."""

    bucket: str
    region: str = "us-east-1"
    endpoint_url: str | None = None  # null: AWS
    public_endpoint_url: str | None = None  # where clients reach it, if elsewhere
    path_style: bool = True


class StorageSettings(Settings):
    """Where recordings and results lie: `objects` in the data directory, or a bucket."""

    s3: S3Options | None = None
    public_url: str = ""  # of this service, for signed URLs; empty: they start at the path


def embedded_server(data_dir: Path) -> EmbeddedPostgres:
    """Return the embedded server of a data directory; it is not started by this."""
    from serve_app.adapters.database import EmbeddedPostgres

    return EmbeddedPostgres(data_dir / "postgres")


def open_database(settings: DatabaseSettings, data_dir: Path, *, patient: bool = False) -> Database:
    """Return the database; the embedded server must have been started. `patient`: wait for it as the settings say."""
    from serve_app.adapters.database import Database

    return Database(
        settings.url or embedded_server(data_dir).url,
        pool_size=settings.pool_size,
        patience_s=settings.patience_s if patient else 0.0,
    )


def open_objects(settings: StorageSettings, data_dir: Path) -> tuple[ObjectStore, UrlSigner | None]:
    """Return the object store and, for a local one, what judges its signed URLs."""
    from serve_app.adapters.objects import LocalObjectStore, S3ObjectStore, S3Settings, UrlSigner

    if settings.s3 is not None:
        return S3ObjectStore(S3Settings(**settings.s3.model_dump())), None
    signer = UrlSigner(url_secrets(data_dir), base_url=settings.public_url)
    return LocalObjectStore(data_dir / "objects", signer), signer


def url_secrets(data_dir: Path) -> list[str]:
    """Return the secrets of signed URLs, the signing one first: HARK_URL_SECRETS, or a file made at first use."""
    if given := os.environ.get("HARK_URL_SECRETS"):
        return given.split(",")
    path = data_dir / "url_secrets"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):  # another replica was first
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().split()
