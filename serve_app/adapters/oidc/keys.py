"""The signing keys of one issuer (RFC 7517), found by OpenID Connect Discovery 1.0 and kept for a while."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.adapters.pinned_http import NoAnswer, PinnedHttp, UrlRefused
from serve_app.ports.speech import Clock

log = logging.getLogger(__name__)

RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_BY_CURVE = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
ALGORITHMS = RSA_ALGORITHMS.union(*_BY_CURVE.values())
"""The signatures that are believed: all asymmetric, so that no published key can make one."""

MIN_RSA_BITS = 2048
MAX_DOCUMENT_BYTES = 256 * 1024
MAX_KEYS = 100


class KeysUnavailable(Exception):
    """The issuer's keys cannot be fetched now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One public key and what it may have signed."""

    key_id: str | None
    algorithms: frozenset[str]
    public_key: Any  # of the cryptography package


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCacheSettings:
    """How long an issuer's keys are believed, and how often it is asked."""

    fresh_s: float = 3600.0
    stale_s: float = 24 * 3600.0  # beyond `fresh_s`, while the issuer does not answer
    new_key_retry_s: float = 10.0  # an unknown key id asks the issuer again, but not more often than this
    failure_retry_s: float = 5.0  # after a failed fetch


class IssuerKeys:
    """Fetches keys when they are first needed, when they age, and when a token names a new one.

    Callers that wait for keys at the same time share one fetch; one that leaves does not stop it for the others.
    """

    def __init__(
        self, *, issuer: str, jwks_uri: str | None, http: PinnedHttp, clock: Clock, settings: KeyCacheSettings
    ) -> None:
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._http = http
        self._clock = clock
        self._settings = settings
        self._keys: tuple[SigningKey, ...] = ()
        self._fetched_at: float | None = None
        self._tried_at = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> SigningKey | None:
        """Return the key that a token names, None when the issuer has no such key for the algorithm.

        A token that names no key finds one only where there is no choice. Raises KeysUnavailable.
        """
        if not self._younger_than(self._settings.fresh_s):
            await self._refresh()
        found = self._lookup(key_id, algorithm)
        if found is None and self._clock() - self._tried_at >= self._settings.new_key_retry_s:
            await self._refresh()
            found = self._lookup(key_id, algorithm)
        return found

    def _lookup(self, key_id: str | None, algorithm: str) -> SigningKey | None:
        usable = [key for key in self._keys if algorithm in key.algorithms and key_id in (None, key.key_id)]
        return usable[0] if len(usable) == 1 else None

    def _younger_than(self, age_s: float) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < age_s

    async def _refresh(self) -> None:
        """Fetch the keys, or keep the old ones for a bounded time; raises KeysUnavailable when there are none."""
        if self._fetching is None and not (
            self._failed and self._clock() - self._tried_at < self._settings.failure_retry_s
        ):
            self._fetching = asyncio.create_task(self._fetch())
        if self._fetching is not None:
            await asyncio.shield(self._fetching)
        if not self._younger_than(self._settings.fresh_s + self._settings.stale_s):
            raise KeysUnavailable

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = await self._fetched_keys()
            self._fetched_at = self._clock()
            self._failed = False
        except (NoAnswer, UrlRefused, ValueError) as error:
            self._failed = True
            log.warning("oidc_keys_not_fetched issuer=%s reason=%s", self._issuer, error)
        finally:
            self._fetching = None

    async def _fetched_keys(self) -> tuple[SigningKey, ...]:
        keys = signing_keys(await self._document(self._jwks_uri or await self._discovered_uri()))
        if not keys:
            raise ValueError("the issuer publishes no usable signing key")
        return keys

    async def _discovered_uri(self) -> str:
        document = await self._document(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != self._issuer:
            raise ValueError("the discovery document is another issuer's")
        uri = document.get("jwks_uri")
        if not isinstance(uri, str):
            raise ValueError("the discovery document names no keys")
        if self._issuer.startswith("https://") and not uri.startswith("https://"):
            raise ValueError("the discovery document names keys that do not come over https")
        return uri

    async def _document(self, url: str) -> dict[str, Any]:
        answer = await self._http.send(
            "GET", url, headers={"Accept": "application/json"}, max_body_bytes=MAX_DOCUMENT_BYTES
        )
        if answer.status != 200:
            raise ValueError(f"the issuer answered {answer.status}")
        if not answer.whole:
            raise ValueError(f"the issuer's document has more than {MAX_DOCUMENT_BYTES} bytes")
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise ValueError("the issuer's document is no JSON") from error
        if not isinstance(document, dict):
            raise ValueError("the issuer's document is no JSON object")
        return document


def signing_keys(document: Mapping[str, Any]) -> tuple[SigningKey, ...]:
    """Return the keys of a JWKS that may verify signatures; what is malformed, weak or symmetric is left out."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ValueError("the issuer's key document holds no keys")
    return tuple(key for entry in entries[:MAX_KEYS] if (key := _signing_key(entry)) is not None)


def _signing_key(entry: Any) -> SigningKey | None:
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm

    if not isinstance(entry, dict) or not _is_for_signatures(entry):
        return None
    algorithms = _algorithms_of(entry)
    if not algorithms:
        return None
    try:
        public_key = jwt.PyJWK(entry, algorithm=min(algorithms)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    if entry["kty"] == "RSA" and public_key.key_size < MIN_RSA_BITS:
        return None
    key_id = entry.get("kid")
    return SigningKey(key_id=key_id if isinstance(key_id, str) else None, algorithms=algorithms, public_key=public_key)


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    if "d" in entry:  # a leaked secret: whoever reads it can sign
        return False
    return entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _algorithms_of(entry: Mapping[str, Any]) -> frozenset[str]:
    """Return what a key may have signed: by its type and curve, narrowed to its own `alg` if it has one."""
    kind, curve, own = entry.get("kty"), entry.get("crv"), entry.get("alg")
    by_type = RSA_ALGORITHMS if kind == "RSA" else _BY_CURVE.get((str(kind), str(curve)), frozenset())
    return by_type if own is None else by_type & {str(own)}
