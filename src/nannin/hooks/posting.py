"""Posts one request over HTTP: to an address that was judged, within a time, and without following anybody.

It is http.client on a socket of ours. What has to be ours is the connection: the address that was judged must
be the one that is connected to. A larger client would need the same code put into its inside, and would be
one more dependency of everybody for what a few do.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from nannin.hooks.addresses import Addresses
from nannin.hooks.lookup import Resolve, look_up, resolve

__all__ = ["Answer", "NotPosted", "post", "seconds_of"]

# How many addresses of one name are tried.
_MOST_ADDRESSES: Final = 4
# Bytes of an answer that are read, and characters of it that the log gets.
_MOST_BYTES: Final = 1_024
_MOST_CHARACTERS: Final = 100
# Maximum bytes of a whole answer, its headers and interim answers among them.
_MOST_ANSWER_BYTES: Final = 32_768
# What stays as it is in a path and a query: all that is encoded already, or need not be.
_SAFE: Final = "/%!$&'()*+,;=:@~?"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Answer(NamedTuple):
    """What a receiver answered.

    Attributes:
        status: the HTTP status.
        retry_after_s: how many seconds it asks us to wait; None if it doesn't say.
        words: the beginning of its text, if it refused.
    """

    status: int
    retry_after_s: float | None = None
    words: str = ""


class NotPosted(Exception):
    """There was no answer; the text says why, and has no secret in it."""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    addresses: Addresses,
    timeout_s: float,
    *,
    unix_s: float,
    resolve: Resolve = resolve,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Posts a body, and returns what was answered; redirects are not followed.

    Args:
        url: where; checked already.
        body: what is sent.
        headers: besides those of HTTP itself.
        addresses: which of them may be connected to.
        timeout_s: seconds for all of it, from the lookup of the name to the end of the answer.
        unix_s: the time, for an answer that names a date.
        resolve: finds the addresses of a host.
        context: for TLS; None for the system's certificates.

    Raises:
        NotPosted: there was no answer.
    """
    parts = urlsplit(url)
    host = _ascii(str(parts.hostname))
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    until_s = time.monotonic() + timeout_s
    path = quote(parts.path or "/", safe=_SAFE)
    path += f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    shown = f"[{host}]" if ":" in host else host
    named = shown if port == _DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}"
    try:
        sock = _connect(host, port, addresses, until_s, resolve)
        with contextlib.closing(sock):
            if parts.scheme == "https":
                sock.settimeout(_left(until_s))
                sock = (context or _context()).wrap_socket(sock, server_hostname=host)
            with contextlib.closing(sock):
                connection = http.client.HTTPConnection(host, port)
                bounded: Any = _Bounded(sock, until_s)
                connection.sock = bounded
                connection.request("POST", path, body, {"Host": named, "Connection": "close", **headers})
                response = connection.getresponse()
                return Answer(
                    response.status,
                    seconds_of(response.getheader("Retry-After"), unix_s),
                    "" if 200 <= response.status < 300 else _words(response),
                )
    except TimeoutError:
        raise NotPosted(f"{named} did not answer within {timeout_s:g} s") from None
    except ssl.SSLError as error:
        raise NotPosted(
            f"TLS with {named} failed: {getattr(error, 'verify_message', '') or error.reason}"
        ) from None
    except OSError as error:
        raise NotPosted(f"{named} can't be reached: {error.strerror or error}") from None
    except _TooLong:
        raise NotPosted(
            f"{named} answered with headers of more than {_MOST_ANSWER_BYTES >> 10} KiB"
        ) from None
    except http.client.HTTPException as error:
        raise NotPosted(f"{named} does not speak HTTP: {type(error).__name__}") from None


def seconds_of(value: str | None, unix_s: float) -> float | None:
    """What a Retry-After header says, in seconds; None if it says nothing that can be read.

    Source: RFC 9110, section 10.2.3.
    """
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):  # some servers send fractions
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - unix_s)
    except (ValueError, OverflowError, OSError):
        return None


def _connect(host: str, port: int, addresses: Addresses, until_s: float, resolve: Resolve) -> socket.socket:
    """A connection to the first address that can be reached, of those that may be."""
    try:
        found = look_up(host, port, _left(until_s), resolve)
    except TimeoutError:
        raise NotPosted(f"no address of {host} was found in time: the name server does not answer") from None
    except OSError:
        raise
    except Exception as odd:  # noqa: BLE001 - UnicodeError, of some names; what else, nothing says
        raise NotPosted(f"{host} can't be looked up: {odd}") from None
    permitted = [address for address in found if addresses.permits(address)]
    if not permitted:
        raise NotPosted(
            f"{host} is {', '.join(found[:_MOST_ADDRESSES]) or 'without an address'}, to which hooks may not "
            "connect unless hook_networks allows it"
        )
    error: OSError = OSError("no address")
    for address in permitted[:_MOST_ADDRESSES]:
        try:
            sock = socket.create_connection((address, port), _left(until_s))
        except OSError as failed:
            error = failed
            continue
        if addresses.permits(str(sock.getpeername()[0])):
            return sock
        sock.close()
        error = OSError("it led to an address to which hooks may not connect")
    raise error


def _left(until_s: float) -> float:
    """The seconds that are left; raises TimeoutError if none is."""
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


@cache
def _context() -> ssl.SSLContext:
    """TLS with the system's certificates, which take a while to read."""
    return ssl.create_default_context()


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode()


def _words(response: http.client.HTTPResponse) -> str:
    """The beginning of what was answered, as one line."""
    try:
        text = response.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + "..."


class _Bounded:
    """A socket on which everything together has to be done by a time, as http.client uses it.

    With a timeout alone, a receiver that sends a byte now and then would hold us for as long as it likes.
    """

    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._sock = sock
        self._until_s = until_s

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(_left(self._until_s))
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._until_s))

    def close(self) -> None:
        """Does nothing: http.client closes the connection before the answer is read."""


class _TooLong(http.client.HTTPException):
    """An answer goes on after all that is read of one."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._sock = sock
        self._until_s = until_s
        self._left_bytes = _MOST_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left_bytes:
            raise _TooLong
        self._sock.settimeout(_left(self._until_s))
        number = self._sock.recv_into(buffer, min(len(buffer), self._left_bytes))
        self._left_bytes -= number
        return number
