"""Object stores: a local directory behind this service's signed URLs, or S3."""

from serve_app.adapters.objects.local import LocalObjectStore
from serve_app.adapters.objects.s3 import S3ObjectStore
from serve_app.adapters.objects.s3_client import S3Settings
from serve_app.adapters.objects.signing import UrlGrant, UrlSigner

__all__ = ["LocalObjectStore", "S3ObjectStore", "S3Settings", "UrlGrant", "UrlSigner"]
