"""API keys: `sk_` and 256 random bits. What is stored is their SHA-256, which needs no salt: nobody can guess them."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass, field

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase  # one double click selects all of a key
_LENGTH = 43  # of 256 bits in base 62
_SHAPE = re.compile(rf"sk_[0-9A-Za-z]{{{_LENGTH}}}")
_PREFIX_LENGTH = len("sk_") + 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key at the one moment when its secret is known."""

    secret: str = field(repr=False)
    digest: bytes  # 32 bytes; what is stored
    prefix: str  # the secret's first 11 characters, for display


def new_key() -> NewKey:
    """Make a key from the system's randomness."""
    number = secrets.randbits(256)
    characters = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        characters.append(_DIGITS[digit])
    secret = "sk_" + "".join(characters)
    return NewKey(secret=secret, digest=digest_of(secret), prefix=secret[:_PREFIX_LENGTH])


def is_key_shaped(presented: str) -> bool:
    """Return whether this could be one of our keys, so that anything else needs no look into the database."""
    return _SHAPE.fullmatch(presented) is not None


def digest_of(secret: str) -> bytes:
    """Return the 32 bytes that a key is stored and found by."""
    return hashlib.sha256(secret.encode()).digest()
