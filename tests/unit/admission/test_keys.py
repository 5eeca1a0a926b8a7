"""API keys: unguessable, recognisable, and stored as nothing that could be used."""

from __future__ import annotations

import hashlib

import pytest

from serve_app.admission.keys import digest_of, is_key_shaped, new_key


def test_a_key_carries_256_bits_behind_its_mark() -> None:
    key = new_key()
    assert key.secret.startswith("sk_")
    assert len(key.secret) == 46
    assert 62**43 > 2**256
    assert is_key_shaped(key.secret)


def test_no_two_keys_are_alike() -> None:
    assert len({new_key().secret for _ in range(1000)}) == 1000


def test_every_character_of_a_key_varies() -> None:
    keys = [new_key().secret for _ in range(400)]
    assert all(len({key[at] for key in keys}) > 8 for at in range(4, 45))


def test_the_digest_is_what_the_secret_is_found_by() -> None:
    key = new_key()
    assert key.digest == digest_of(key.secret) == hashlib.sha256(key.secret.encode()).digest()


def test_a_printed_key_does_not_show_its_secret() -> None:
    key = new_key()
    assert key.secret not in repr(key)
    assert key.prefix == key.secret[:11]


@pytest.mark.parametrize("presented", ["", "sk_", "sk_" + "a" * 42, "sk_" + "a" * 44, "sk_" + "é" * 43, "a.b.c"])
def test_what_is_no_key_is_known_without_the_database(presented: str) -> None:
    assert not is_key_shaped(presented)
