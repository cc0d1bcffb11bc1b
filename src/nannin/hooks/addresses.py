"""Which addresses hooks may connect to: public ones, and those that the setting `hook_networks` allows."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

__all__ = ["Addresses"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What the world is in, and the networks in which an IPv6 address stands for an IPv4 address.
# Source: RFC 4291, sections 2.4 and 2.5.5; RFC 6052, section 2.1; RFC 3056, section 2.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class Addresses:
    """Judges the addresses that a name has led to. What is judged is what is connected to, and not the name.

    Args:
        allowed: networks besides the public ones; `*` for all.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        allowed = tuple(allowed)
        self._allows_all = "*" in allowed
        self._networks = [ipaddress.ip_network(network) for network in allowed if network != "*"]

    def permits(self, address: str) -> bool:
        """Whether it may be connected to.

        Args:
            address: a numeric address, as `getaddrinfo` writes it; a scope at its end is ignored.
        """
        if self._allows_all:
            return True
        try:
            ip = _embedded(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        return any(ip in network for network in self._networks) or _is_public(ip)


def _embedded(ip: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    embedded = ip.ipv4_mapped or ip.sixtofour
    if embedded is None and (ip in _NAT64 or ip in _COMPATIBLE):
        embedded = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return embedded or ip


def _is_public(ip: _Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast
