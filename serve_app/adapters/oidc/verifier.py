"""Whether an ID token is to be believed: OpenID Connect Core 1.0, 3.1.3.7, and RFC 8725's advice for JWTs."""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.adapters.oidc.keys import ALGORITHMS, IssuerKeys, KeyCacheSettings, KeysUnavailable, SigningKey
from serve_app.adapters.pinned_http import PinnedHttp
from serve_app.errors import Unauthenticated
from serve_app.ports.identity import Identity, looks_like_jwt
from serve_app.ports.speech import Clock

MAX_TOKEN_CHARS = 16_384
_MAX_SUBJECT_CHARS = 255  # OpenID Connect Core, 2
_MAX_TEXT_CHARS = 320  # of an e-mail address (RFC 3696) or a name
_RETRY_AFTER_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSettings:
    """One issuer whose tokens are accepted, e.g. `https://securetoken.google.com/<project>` for Firebase."""

    issuer: str  # exactly as its tokens say it
    audiences: tuple[str, ...]  # a token must be meant for one of them: the client id, or Firebase's project
    jwks_uri: str | None = None  # None: by discovery

    def __post_init__(self) -> None:
        if not self.issuer.startswith(("https://", "http://")):
            raise ValueError(f"the issuer {self.issuer!r} is not a URL")
        if not self.audiences or not all(self.audiences):
            raise ValueError(f"the issuer {self.issuer!r} needs at least one audience")


class OidcVerifier:
    """Verifies ID tokens of the configured issuers. Only they are ever asked for keys, whatever a token says."""

    def __init__(
        self,
        issuers: Sequence[IssuerSettings],
        *,
        clock_skew_s: float = 60.0,
        allow_private: bool = False,
        http: PinnedHttp | None = None,
        key_cache: KeyCacheSettings | None = None,
        clock: Clock = time.monotonic,
        now: Clock = time.time,
    ) -> None:
        """Accept tokens of `issuers`. `now` is Unix time; `allow_private` also allows http and private addresses."""
        urls = [url for s in issuers for url in (s.issuer, s.jwks_uri) if url is not None]
        plain = [url for url in urls if not url.startswith("https://")]
        if plain and not allow_private:
            raise ValueError(f"{plain[0]} is not called over https")
        if len({s.issuer for s in issuers}) != len(issuers):
            raise ValueError("an issuer is configured twice")
        http = http or PinnedHttp(allow_private=allow_private)
        self._skew_s = clock_skew_s
        self._now = now
        self._issuers = {s.issuer: s for s in issuers}
        self._keys = {
            s.issuer: IssuerKeys(
                issuer=s.issuer,
                jwks_uri=s.jwks_uri,
                http=http,
                clock=clock,
                settings=key_cache or KeyCacheSettings(),
            )
            for s in issuers
        }

    async def verify(self, token: str) -> Identity:
        """Return whom the token speaks of; raises Unauthenticated with a sentence that tells no more than needed."""
        header, claims = _unverified(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise Unauthenticated("This token's kind of signature is not accepted.")
        issuer = claims.get("iss")
        settings = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if settings is None:
            raise Unauthenticated("This token's issuer is not accepted here.")
        key = await self._key(settings, header.get("kid"), algorithm)
        _check_signature(token, key, algorithm)
        self._check_times(claims)
        _check_audience(claims, settings)
        return _identity(claims, settings)

    async def _key(self, settings: IssuerSettings, key_id: object, algorithm: str) -> SigningKey:
        if key_id is not None and not isinstance(key_id, str):
            raise _malformed()
        try:
            key = await self._keys[settings.issuer].find(key_id, algorithm)
        except KeysUnavailable:
            raise Unauthenticated(
                "This token cannot be checked now, because its issuer does not answer; try again shortly.",
                retry_after_s=_RETRY_AFTER_S,
            ) from None
        if key is None:
            raise Unauthenticated("This token is signed with a key that its issuer does not publish.")
        return key

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        expires_at, issued_at = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
        not_before = _seconds(claims.get("nbf", issued_at))
        if expires_at is None or issued_at is None or not_before is None:
            raise _malformed()
        if now >= expires_at + self._skew_s:
            raise Unauthenticated("This token has expired; sign in again.")
        if max(issued_at, not_before) > now + self._skew_s:
            raise Unauthenticated("This token is not valid yet; check the clock of the machine that issued it.")


def _malformed() -> Unauthenticated:
    return Unauthenticated("This token is not a well-formed ID token.")


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims as they stand in the token, believed by nobody yet."""
    if len(token) > MAX_TOKEN_CHARS or not looks_like_jwt(token):
        raise _malformed()
    header, claims = (_json_object(part) for part in token.split(".")[:2])
    if "crit" in header:
        raise Unauthenticated("This token has critical extensions that are not known here.")
    return header, claims


def _json_object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise _malformed() from None
    if not isinstance(value, dict):
        raise _malformed()
    return value


def _check_signature(token: str, key: SigningKey, algorithm: str) -> None:
    import jwt

    try:
        jwt.PyJWS(algorithms=[algorithm]).decode_complete(token, key.public_key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Unauthenticated("This token's signature is not valid.") from None


def _check_audience(claims: Mapping[str, Any], settings: IssuerSettings) -> None:
    meant_for = claims.get("aud")
    audiences = meant_for if isinstance(meant_for, list) else [meant_for]
    if not any(isinstance(audience, str) and audience in settings.audiences for audience in audiences):
        raise Unauthenticated("This token is meant for another service.")


def _identity(claims: Mapping[str, Any], settings: IssuerSettings) -> Identity:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT_CHARS or not subject.isprintable():
        raise _malformed()
    # Some issuers send the flag as text.
    is_unverified = claims.get("email_verified") in (False, "false")
    return Identity(
        issuer=settings.issuer,
        subject=subject,
        email=None if is_unverified else _text(claims.get("email")),
        name=_text(claims.get("name")),
    )


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _MAX_TEXT_CHARS or not value.isprintable():
        return None
    return value.strip()
