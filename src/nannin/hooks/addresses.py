"""Which addresses hooks may connect to: public ones, and those that the setting `hook_networks` allows."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

__all__ = ["Addresses"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The networks in which an IPv6 address stands for an IPv4 address, and is nothing of its own.
# Source: RFC 4291, sections 2.4 and 2.5.5; RFC 6052, section 2.1.
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# The part of an ISATAP address before its IPv4 address; one bit says whether that address is a global one.
# Source: RFC 5214, section 6.1.
_ISATAP: Final = 0x5EFE
_ISATAP_GLOBAL_BIT: Final = 0x0200_0000
# What the world is in.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
# What is in there and not public, besides what every Python's `ipaddress` knows: addresses of protocols,
# former relays of 6to4, documentation, and where each virtual machine of Azure finds its settings.
# Source: RFC 6890, section 2.2.2; RFC 7526; RFC 9637; Azure's documentation of 168.63.129.16.
_NOT_PUBLIC: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16", "3fff::/20"))
)


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
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if self._is_allowed(ip):
            return True
        inner = _embedded(ip)
        if inner is None:
            return _is_public(ip)
        if not (self._is_allowed(inner) or _is_public(inner)):
            return False
        return _is_nothing_else(ip) or _is_public(ip)

    def _is_allowed(self, ip: _Address) -> bool:
        return any(ip in network for network in self._networks)


def _embedded(ip: _Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to an IPv6 address end up at, if it has one in it."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip.sixtofour is not None:
        return ip.sixtofour
    is_isatap = int(ip) >> 32 & 0xFFFF_FFFF & ~_ISATAP_GLOBAL_BIT == _ISATAP
    return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if is_isatap or _is_nothing_else(ip) else None


def _is_nothing_else(ip: _Address) -> bool:
    """Whether an IPv6 address only writes an IPv4 address in another way."""
    if isinstance(ip, ipaddress.IPv4Address):
        return False
    return ip.ipv4_mapped is not None or ip in _COMPATIBLE or ip in _NAT64


def _is_public(ip: _Address) -> bool:
    """Whether it is in the internet. Teredo and a site's own NAT64 are not, whatever is in them."""
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)
