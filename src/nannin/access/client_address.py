"""Whose address a request has, whatever proxies it came through, and what counts as one address.

A proxy adds the address that it was called from to the end of a header. What stands before that came with the
request, and anybody can write it. So the header is read from its end, past the proxies that the setting
`forwarded_allow_ips` names, and the first other address is the client's.

Source: RFC 7239; X-Forwarded-For as nginx, Caddy and HAProxy write it.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Peer = tuple[str, int | None]

# Maximum proxies that a request may have come through; whatever stands before them is not looked at.
_MAX_HOPS: Final = 32
# Characters of the longest address: an IPv6 one that ends as an IPv4 one.
MAX_CHARACTERS: Final = 45
_CACHED: Final = 4_096
# An IPv6 address in brackets, or an IPv4 one, and a port. Source: RFC 7239, 6.
_WITH_PORT: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?")
# One network of this size is one customer of an access provider. Source: RFC 6177, 2.
_IPV6_PREFIX: Final = 64


class Forwarded(NamedTuple):
    """What proxies say about a request.

    Attributes:
        client: the client's address and port (0 where it isn't known); None where the proxies don't tell.
        scheme: `http` or `https`, with which the client began; None where the proxies don't tell.
    """

    client: tuple[str, int] | None = None
    scheme: str | None = None


class Proxies:
    """The proxies that are believed.

    Args:
        named: their addresses and networks, as the setting has them; `*` is all.
    """

    def __init__(self, named: Collection[str]) -> None:
        self._are_all = "*" in named
        self._networks = [ipaddress.ip_network(name) for name in named if name != "*"]
        # Of each address once: each new connection asks for both, and `ipaddress` is written in Python.
        self._is_named = functools.lru_cache(_CACHED)(functools.partial(_is_named, self._networks))
        self._limited_as = functools.lru_cache(_CACHED)(functools.partial(_limited_as, self._networks))

    def believes(self, client: Peer | None, server: Peer | None) -> bool:
        """Whether headers of this connection may say who the client is.

        Args:
            client: the address at its other end, None where there is none, as in an ASGI scope.
            server: the address at our end. A Unix socket's has no port: only a proxy connects to that.
        """
        if client is None:
            return server is not None and server[1] is None
        return self._are_all or (len(client[0]) <= MAX_CHARACTERS and self._is_named(client[0]))

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> Forwarded:
        """What the headers of a connection say that `believes` has approved.

        X-Forwarded-For is read where there is one, and else Forwarded. Of two that were written by different
        proxies nobody knows which was written by the client.

        Args:
            headers: all of them, with names in lower case.

        Returns:
            What they say; NOTHING if they are silent.
        """
        came: dict[bytes, list[str]] = {}
        for name, value in headers:
            if name in _HEADERS:
                came.setdefault(name, []).append(value.decode("latin-1"))
        if not came:
            return NOTHING
        schemes = ",".join(came.get(b"x-forwarded-proto", ()))
        scheme = schemes.rpartition(",")[2].strip().lower()
        if b"x-forwarded-for" in came:
            hops = _from_the_end(came[b"x-forwarded-for"])
            client, _ = self._walk((hop, "") for hop in hops)
        else:
            client, told = self._walk(map(_read_element, _from_the_end(came.get(b"forwarded", []))))
            scheme = scheme or told
        return Forwarded(client, _SCHEME_OF.get(scheme))

    def limited_as(self, address: str) -> int | None:
        """What an address is limited as: an IPv4 address by itself, an IPv6 address with its /64.

        Args:
            address: the client's, as an ASGI scope has it.

        Returns:
            A number that is the same for all addresses which are limited as one. None for those that aren't
            limited: this machine's own, the proxies', and what isn't an address.
        """
        return self._limited_as(address) if len(address) <= MAX_CHARACTERS else None

    def _walk(self, hops: Iterable[tuple[str, str]]) -> tuple[tuple[str, int] | None, str]:
        """Follows a request back, from the last proxy that it came through, to the first one not believed.

        Args:
            hops: the text that is said to be an address, and a scheme, of each.

        Returns:
            Its address and port, and its scheme. Where a text isn't an address, those of the one before.
        """
        client, scheme = None, ""
        for text, told in hops:
            address, port = _read_node(text)
            if address is None:
                break
            client, scheme = (str(address), port), told
            if not (self._are_all or _is_among(self._networks, address)):
                break
        return client, scheme


@functools.lru_cache(_CACHED)
def _parse(text: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _is_among(networks: Iterable[Network], address: Address | None) -> bool:
    return address is not None and any(address in network for network in networks)


def _is_named(proxies: Iterable[Network], address: str) -> bool:
    return _is_among(proxies, read_address(address))


def _limited_as(proxies: Iterable[Network], address: str) -> int | None:
    """What `Proxies.limited_as` answers."""
    parsed = read_address(address)
    if parsed is None or parsed.is_loopback or _is_among(proxies, parsed):
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return int(parsed)
    return (1 << _IPV6_PREFIX) | (int(parsed) >> _IPV6_PREFIX)


def read_address(text: str) -> Address | None:
    """The address in a text; an IPv6 address that stands for an IPv4 one is that. None if it isn't one."""
    return _parse(text) if len(text) <= MAX_CHARACTERS else None


def address_of(scope: Mapping[str, Any]) -> str:
    """The client's address, as an ASGI scope has it; empty behind a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""


def _read_node(text: str) -> tuple[Address | None, int]:
    """The address and port of one hop; port 0 where it has none."""
    match = _WITH_PORT.fullmatch(text)
    if match is None:  # an IPv6 address is often written without brackets; a zone has no meaning elsewhere
        return (None if "%" in text else read_address(text)), 0
    six, four, port = match.groups("")
    return read_address(six or four), int(port or 0)


def _from_the_end(values: list[str]) -> list[str]:
    """The parts of a header that may have come in several lines, the last first."""
    return [part.strip() for part in reversed(",".join(values).rsplit(",", _MAX_HOPS)[-_MAX_HOPS:])]


def _read_element(element: str) -> tuple[str, str]:
    """The node and the scheme of one element of Forwarded. Source: RFC 7239, 4."""
    pairs = {}
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        pairs[name.strip().lower()] = value.strip().strip('"')
    return pairs.get("for", ""), pairs.get("proto", "").lower()


_HEADERS: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"})
_SCHEME_OF: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
NOTHING: Final = Forwarded()
