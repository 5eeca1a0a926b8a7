"""An issuer of identity tokens on this machine, its keys, and time that passes when it is told to."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from local_http import Server, answer

from serve_app.adapters.oidc import IssuerSettings, OidcVerifier
from serve_app.errors import Unauthenticated

NOW = 1_800_000_000
DISCOVERY = "/.well-known/openid-configuration"
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEYS = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def published(private_key: Any, key_id: str | None = "one", **fields: Any) -> dict[str, Any]:
    """Return the JWKS entry of a key."""
    public = private_key.public_key()
    if isinstance(private_key, rsa.RSAPrivateKey):
        entry = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(private_key, ec.EllipticCurvePrivateKey):
        entry = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        entry = jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True)
    entry = {name: value for name, value in entry.items() if name != "key_ops"}
    return entry | ({"kid": key_id} if key_id is not None else {}) | fields


def as_json(value: Any) -> bytes:
    return answer(json.dumps(value).encode(), Content_Type="application/json")


@dataclass
class Clock:
    """Time that passes when it is told to."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Issuer:
    """An issuer on this machine and the verifier that trusts it."""

    server: Server
    clock: Clock = field(default_factory=Clock)
    audiences: tuple[str, ...] = ("hark",)

    @property
    def name(self) -> str:
        return self.server.url

    def publish(self, *entries: Any) -> None:
        self.server.answers["/keys"] = as_json({"keys": list(entries)})

    def verifier(self, **options: Any) -> OidcVerifier:
        settings = IssuerSettings(issuer=self.name, audiences=self.audiences, jwks_uri=options.pop("jwks_uri", None))
        return OidcVerifier([settings], allow_private=True, clock=self.clock, now=lambda: NOW + self.clock(), **options)

    def claims(self, **changes: Any) -> dict[str, Any]:
        known = {"iss": self.name, "aud": "hark", "sub": "user-1", "iat": NOW - 10, "exp": NOW + 3600}
        return {name: value for name, value in (known | changes).items() if value is not ...}

    def token(self, key: Any = RSA_KEY, alg: str = "RS256", key_id: str | None = "one", **changes: Any) -> str:
        header = {"kid": key_id} if key_id is not None else {}
        return jwt.PyJWS().encode(json.dumps(self.claims(**changes)).encode(), key, algorithm=alg, headers=header)

    def fetches(self) -> int:
        return self.server.paths().count("/keys")


async def refused(verifier: OidcVerifier, token: str, match: str) -> Unauthenticated:
    with pytest.raises(Unauthenticated, match=match) as caught:
        await verifier.verify(token)
    return caught.value


def raw_token(header: Any, claims: Any, signature: bytes = b"x") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
