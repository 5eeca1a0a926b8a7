"""Which addresses belong to the public internet, and not to this machine, this network or a cloud's control plane."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# `is_global` follows the IANA registries; these are global there and still not a place to fetch from.
_REFUSED_V4 = (IPv4Network("192.88.99.0/24"), IPv4Network("192.0.0.0/24"))  # 6to4 relays, protocol assignments
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = (IPv6Network("2001::/23"), IPv6Network("3fff::/20"))  # Teredo and other protocols, documentation
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Tell whether an IP address is global unicast; one that embeds an IPv4 address is judged by that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(parsed) if isinstance(parsed, IPv4Address) else _is_public_v6(parsed)


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in network for network in _REFUSED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    embedded = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        embedded = IPv4Address(int(address) & 0xFFFF_FFFF)
    if embedded is not None:
        return _is_public_v4(embedded)
    return (
        address in _GLOBAL_UNICAST_V6 and address.is_global and not any(address in network for network in _REFUSED_V6)
    )
