"""Who is calling, and from where."""

from __future__ import annotations

import pytest

from serve_app.admission.callers import address_bucket, client_address, parse_networks, presented_key

PROXIES = parse_networks(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "key"),
    [
        (None, None, None),
        ("Bearer abc", None, "abc"),
        ("bearer  abc ", None, "abc"),
        (None, " abc ", "abc"),
        ("Bearer abc", "other", "abc"),
        ("Basic abc", None, ""),
        ("Bearer", None, ""),
        ("", "abc", "abc"),
        (None, "", None),
    ],
)
def test_keys_are_found_in_either_header(authorization: str | None, x_api_key: str | None, key: str | None) -> None:
    assert presented_key(authorization=authorization, x_api_key=x_api_key) == key


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "203.0.113.9, 198.51.100.1, 10.2.2.2", "198.51.100.1"),
        ("10.1.1.1", None, "10.1.1.1"),
        ("10.1.1.1", "10.3.3.3", "10.3.3.3"),
        ("10.1.1.1", " , ", "10.1.1.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_trusted_hops_may_say_who_is_behind_them(peer: str, forwarded_for: str | None, address: str) -> None:
    assert client_address(peer=peer, forwarded_for=forwarded_for, trusted=PROXIES) == address


def test_an_ipv6_client_is_counted_by_its_network_and_a_mapped_one_by_its_address() -> None:
    assert address_bucket("2001:db8:1:2::1") == address_bucket("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert address_bucket("2001:db8:1:3::1") != address_bucket("2001:db8:1:2::1")
    assert address_bucket("::ffff:192.0.2.1") == "192.0.2.1"


def test_what_is_no_address_shares_one_count() -> None:
    assert address_bucket("") == address_bucket("not an address") == "unknown"


def test_a_proxy_that_is_no_network_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        parse_networks(["nonsense"])
