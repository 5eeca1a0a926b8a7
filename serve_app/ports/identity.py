"""Who somebody is, as an issuer of tokens tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person or machine that an issuer vouches for. `issuer` and `subject` together name it for good."""

    issuer: str
    subject: str
    email: str | None = None  # only where the issuer does not call it unverified
    name: str | None = None


class TokenVerifier(Protocol):
    async def verify(self, token: str) -> Identity:
        """Return whom a signed token speaks of; raises Unauthenticated for one that must not be believed."""


def looks_like_jwt(token: str) -> bool:
    """Tell a token (three base64url parts; the signature may be empty) from an API key, which has no dots."""
    return _JWT.fullmatch(token) is not None
