"""Which names a client may call this server by.

A foreign site can have its own name lead to this machine (DNS rebinding): `evil.example` is first the address
of the site, then 127.0.0.1. To a browser, our pages and its own are then one origin, and the origin says
nothing any more. What such a page can't change is the Host of its requests: its own name, and the port that
it came to. Nor can it change that its browser wants to keep the connection, and says so.

Source: RFC 9110, 7.2 and 15.5.20; RFC 9112, 3.2.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from nannin.access.client_address import Address, read_address

__all__ = ["ForeignHost", "Hosts", "has_one_host", "is_forwarded", "take_authority"]

Pairs = Sequence[tuple[bytes, bytes]]
Place = tuple[object, object] | None

_HOST: Final = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])?(?::([0-9]{0,5}))?")
# A target that names its server, as far as its path. Source: RFC 9112, 3.2.2.
_ABSOLUTE: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]+)")
# Suffixes under which nobody can register a name. Source: RFC 6761, 6762, 8375; ICANN's resolution on
# .internal; .lan and .localdomain are what routers use.
_PRIVATE: Final = (".localhost", ".local", ".home.arpa", ".internal", ".lan", ".localdomain")
_HTTP_PORT: Final = 80
# How many accepted Hosts to remember, so that they aren't read again.
_MAX_KNOWN: Final = 256

# Headers, whatever they hold, by which proxies say that a request is somebody else's.
_FORWARDED: Final = frozenset(
    {
        b"cf-connecting-ip",
        b"fastly-client-ip",
        b"fly-client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-real-ip",
    }
)
_FORWARDED_PREFIX: Final = b"x-forwarded"


class ForeignHost(enum.Enum):
    """Why a request is not for this server, with the status and the words of the answer."""

    MALFORMED = (400, "expected one Host header: a name or an address, and perhaps a port")
    UNKNOWN = (421, "this server does not go by that name; the setting hosts names those it goes by")

    @property
    def http_status(self) -> int:
        """The status of the answer."""
        return self.value[0]

    @property
    def words(self) -> str:
        """What the answer says."""
        return self.value[1]


def has_one_host(headers: Iterable[tuple[bytes, bytes]], http_version: str) -> bool:
    """Whether a request says once which server it is for, as HTTP/1.1 demands; HTTP/1.0 may leave it out.

    Args:
        headers: all of them, with names in lower case.
        http_version: such as `1.1`.
    """
    count = [name for name, _ in headers].count(b"host")
    return count == 1 or (count == 0 and http_version == "1.0")


def take_authority(target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Returns a request's path and query; a server that its target names takes the place of its Host.

    So whoever looks at the Host judges the server that the request is for, and so does each proxy before us.

    Args:
        target: such as `/a?b` or `http://live.example.org/a?b`.
        headers: all of them, with names in lower case; changed where the target names a server.

    Source: RFC 9112, 3.2.2.
    """
    absolute = _ABSOLUTE.match(target) if target[:1] != b"/" else None
    if absolute is None:
        return target
    headers[:] = [(b"host", absolute[1]), *(header for header in headers if header[0] != b"host")]
    rest = target[absolute.end() :]
    return rest if rest[:1] == b"/" else b"/" + rest


def is_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a proxy says that it passed this request on."""
    return any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIX) for name, _ in headers)


class Hosts:
    """Judges the Host of requests.

    Args:
        names: the names that the server goes by, such as `live.example.org`, `*.example.org`, or `*` for any.
            None of them: any name, but on a loopback or private address only those that no foreign site can
            have.
        allow_origins: origins of sites that may connect; their hosts are accepted where `names` is empty.
        own_name: what this machine calls itself.
    """

    def __init__(
        self, names: Collection[str] = (), allow_origins: Collection[str] = (), own_name: str = ""
    ) -> None:
        self._is_open = "*" in names or (not names and "*" in allow_origins)
        self._are_named = bool(names)
        self._names = {name for name in names if not name.startswith("*.")}
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*."))
        if not names:
            hosts = (urlsplit(origin).hostname for origin in allow_origins)
            self._names = {host for host in hosts if host} | {own_name.lower()}
            self._suffixes = _PRIVATE
        self._known: set[bytes] = set()  # accepted on any connection

    def judge(self, headers: Pairs, server: Place, client: Place) -> ForeignHost | None:
        """Judges one request.

        Args:
            headers: all of them, with names in lower case.
            server: the address and port that the connection came to; None, or no address, where it came
                over a Unix socket or nobody knows.
            client: the address and port of the client, or of whoever the trusted proxies say it is.

        Returns:
            None if the request is for this server.
        """
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) == 1 and hosts[0] in self._known:
            return None
        if len(hosts) > 1:
            return ForeignHost.MALFORMED
        host = hosts[0] if hosts else b""
        match = _HOST.fullmatch(host)
        if match is None:
            return ForeignHost.MALFORMED
        name = (match[1] or b"").decode("ascii").lower().removesuffix(".")
        if self._is_open or self._is_ours(name):
            if len(self._known) < _MAX_KNOWN:
                self._known.add(host)
            return None
        came_to = _address(server)
        if self._are_named:
            is_ours = _is_own_address(name, came_to)
        else:
            says_forwarded = is_forwarded(headers)
            is_forged = says_forwarded and _is_from_browser(headers)
            comes_from = _address(client) if not is_forged else None
            is_ours = not _is_reachable_by_rebinding(came_to, comes_from) or (
                says_forwarded
                and not is_forged
                # A browser names the port to which it connects. A proxy has another.
                and int(match[2] or _HTTP_PORT) != (server or ("", 0))[1]
            )
        return None if is_ours else ForeignHost.UNKNOWN

    def _is_ours(self, name: str) -> bool:
        if name in self._names or name.endswith(self._suffixes or ("/",)):
            return True
        # A name without a dot is one of the local network, and an address is nobody's name.
        return not self._are_named and ("." not in name or _as_address(name) is not None)


def _is_own_address(name: str, came_to: Address | None) -> bool:
    """Whether a client calls the server by the address that it connected to, as a health check does."""
    if came_to is None or came_to.is_loopback:
        named = _as_address(name)
        return name == "localhost" or (named is not None and named.is_loopback)
    return _as_address(name) == came_to


def _is_from_browser(headers: Pairs) -> bool:
    """Whether the request comes from a browser itself, though it may have the headers of a proxy.

    A page may set those, and may not set `Connection`, in which browsers say `keep-alive`. Most proxies don't
    pass that on, as it is about one connection: nginx, Caddy and HAProxy say nothing, `close` or `upgrade`.

    Source: Fetch, forbidden request-header; RFC 9110, 7.6.1.
    """
    said = b",".join([value for name, value in headers if name == b"connection"]).lower()
    return b"keep-alive" in [token.strip() for token in said.split(b",")]


def _is_reachable_by_rebinding(came_to: Address | None, client: Address | None) -> bool:
    """Whether the client may be a browser that a foreign name has led to this address.

    Such a browser is on this machine, or in the same private network.
    """
    if came_to is None or came_to.is_global:
        return False
    return came_to.is_loopback or client is None or not client.is_global


def _address(place: Place) -> Address | None:
    return _as_address(str(place[0])) if place else None


def _as_address(text: str) -> Address | None:
    return read_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
