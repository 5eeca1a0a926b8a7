"""Who is calling: a static operator key for now, else the anonymous tier of the client's address."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from serve_app.errors import Unauthenticated

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One caller. `bucket` is what the limits of the anonymous tier are counted by."""

    anonymous: bool
    bucket: str = ""


OWNER = Caller(anonymous=False)


def identify(*, operator_key: str | None, presented: str | None, address: str) -> Caller:
    """Return who presents a key, or none, from an address; raises Unauthenticated for a wrong key.

    Without an operator key the service is the local owner's and everybody is the owner.
    """
    if operator_key is None:
        return OWNER
    if presented is None:
        return Caller(anonymous=True, bucket=address_bucket(address))
    if hmac.compare_digest(presented.encode(), operator_key.encode()):
        return OWNER
    raise Unauthenticated("This API key is not valid; check the key, or send none for the anonymous limits.")


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
