"""URLs of this service that carry their own permission: an HMAC over everything that they allow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from serve_app.errors import Forbidden
from serve_app.ports.objects import Method, checked_key

ROUTE = "/v1/objects/"
MIN_SECRET_BYTES = 16
_PURPOSE = "object-url-1"  # a signature made with the same secret for something else does not fit here
_NAMES = ("expires", "method", "type", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlGrant:
    """What a signed URL allows its bearer."""

    method: Method
    key: str
    content_type: str | None
    max_bytes: int | None
    expires_at_s: int  # Unix time


class UrlSigner:
    """Makes and judges signed URLs. The first secret signs; all of them verify, so that secrets can be rotated."""

    def __init__(self, secrets: Sequence[str | bytes], *, base_url: str = "") -> None:
        """Sign for `base_url` (scheme, host, optional path); without one, URLs start at the path."""
        self._secrets = [secret.encode() if isinstance(secret, str) else secret for secret in secrets]
        if not self._secrets or any(len(secret) < MIN_SECRET_BYTES for secret in self._secrets):
            raise ValueError(f"signed URLs need secrets of at least {MIN_SECRET_BYTES} bytes")
        self._base_url = base_url.rstrip("/")

    def sign(
        self, method: Method, key: str, *, expires_at_s: int, content_type: str | None, max_bytes: int | None
    ) -> str:
        """Return the URL that allows this until then."""
        fields = {
            "expires": str(expires_at_s),
            "method": method,
            "type": _normal(content_type),
            "max": "" if max_bytes is None else str(max_bytes),
        }
        signature = _signature(self._secrets[0], checked_key(key), fields)
        query = urlencode({name: value for name, value in fields.items() if value} | {"signature": signature})
        return f"{self._base_url}{ROUTE}{key}?{query}"

    def verify(
        self,
        method: str,
        key: str,
        params: Mapping[str, str] | Sequence[tuple[str, str]],
        content_type: str | None,
        now: float,
    ) -> UrlGrant:
        """Return what the URL of a request allows; `params` are its query's, with doubles if there are any.

        Raises Forbidden unless method, key, query and, for uploads, the request's content type are as signed, and
        the URL has not expired at the Unix time `now`.
        """
        pairs = list(params.items()) if isinstance(params, Mapping) else list(params)
        given = dict(pairs)
        if len(given) != len(pairs) or not all(given.values()) or not set(given) <= {*_NAMES, "signature"}:
            raise _forbidden()
        fields = {name: given.get(name, "") for name in _NAMES}
        if not self._signed(key, fields, given.get("signature", "")) or fields["method"] != method:
            raise _forbidden()
        if now >= int(fields["expires"]):
            raise Forbidden("This URL has expired; ask for a new one.")
        if method == "PUT" and _normal(content_type) != fields["type"]:
            raise Forbidden("The Content-Type must be the one that the URL was made for.", content_type=fields["type"])
        return UrlGrant(
            method="PUT" if method == "PUT" else "GET",
            key=key,
            content_type=fields["type"] or None,
            max_bytes=int(fields["max"]) if fields["max"] else None,
            expires_at_s=int(fields["expires"]),
        )

    def _signed(self, key: str, fields: Mapping[str, str], signature: str) -> bool:
        genuine = [_signature(secret, key, fields).encode() for secret in self._secrets]
        presented = signature.encode(errors="replace")
        return any([hmac.compare_digest(candidate, presented) for candidate in genuine])  # all, whichever fits


def _signature(secret: bytes, key: str, fields: Mapping[str, str]) -> str:
    message = json.dumps([_PURPOSE, key, *(fields[name] for name in _NAMES)]).encode()
    return base64.urlsafe_b64encode(hmac.digest(secret, message, hashlib.sha256)).rstrip(b"=").decode()


def _normal(content_type: str | None) -> str:
    """Return a content type without what may differ in writing: spaces and case."""
    return "".join((content_type or "").lower().split())


def _forbidden() -> Forbidden:
    return Forbidden("The signature of this URL does not fit this request.")
