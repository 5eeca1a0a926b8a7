"""Who is calling: an account, or else the anonymous tier of the client's address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from serve_app.admission.plans import Plan
from serve_app.ports.records import Account

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One caller. `bucket` is what its limits are counted by: the account, or else the address."""

    account: Account | None  # None: anonymous
    plan: Plan
    bucket: str


def presented_key(*, authorization: str | None, x_api_key: str | None) -> str | None:
    """Return the key of `Authorization: Bearer …` or `X-API-Key`; None when neither is sent.

    Another scheme of Authorization is a wrong key, not an anonymous call: its sender believes to be known.
    """
    if authorization is not None and authorization.strip():
        scheme, _, token = authorization.strip().partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    return x_api_key.strip() if x_api_key is not None and x_api_key.strip() else None


def parse_networks(values: Iterable[str]) -> tuple[Network, ...]:
    """Parse addresses and CIDR networks; raises ValueError naming the bad one."""
    return tuple(ipaddress.ip_network(value, strict=False) for value in values)


def client_address(*, peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """Return the client's address: the peer, or, behind trusted proxies, the last hop they did not add themselves."""
    hops = [hop.strip() for hop in (forwarded_for or "").split(",") if hop.strip()]
    address = peer
    while hops and _is_trusted(address, trusted):
        address = hops.pop()
    return address


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_bucket(address: str) -> str:
    """Return what to count by: an IPv4 address, or the /64 of an IPv6 one, since a client owns all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"  # a forged or missing address shares one allowance
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
