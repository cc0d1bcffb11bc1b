"""Where a running server is, and why it refuses: what the commands share that speak to one."""

from __future__ import annotations

import contextlib
import http.client
import re
import ssl
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from nannin.cli.banner import address_of
from nannin.errors import RemoteError, SettingsError
from nannin.settings import Settings

__all__ = ["Address", "check_pages", "describe", "escape", "refusal_of", "url_of"]

_CONNECT_TIMEOUT_S: Final = 10.0
_MAX_ERROR_BYTES: Final = 4096
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What OpenSSL calls an answer that is not TLS: an HTTP response, by its first bytes.
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
_HOST = re.compile(r"[^\s/\\?#@\[\]%<>^|`{}\x00-\x1f\x7f]{1,253}")


class Address:
    """Where a server is.

    Args:
        url: `http://HOST:PORT` or `https://...`, with the path that it is mounted at, if any.
        insecure: takes any certificate.

    Raises:
        SettingsError: it is not such an address.
    """

    def __init__(self, url: str, *, insecure: bool = False) -> None:
        wrong = SettingsError(f"URL must be an address such as http://127.0.0.1:8124, not {escape(url)[:80]}")
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, self.port = parts.hostname or "", parts.port
        except ValueError:
            raise wrong from None
        if parts.scheme not in ("http", "https") or not (":" in host or _HOST.fullmatch(host)):
            raise wrong
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise SettingsError("URL must have no user, query or fragment")
        self.host = host
        self.is_https = parts.scheme == "https"
        self._insecure = insecure
        self.path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        self.url = escape(f"{parts.scheme}://{parts.netloc}{self.path}")

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is not open yet."""
        if self.is_https:
            context = ssl.create_default_context()
            if self._insecure:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return http.client.HTTPSConnection(
                self.host, self.port, timeout=_CONNECT_TIMEOUT_S, context=context
            )
        return http.client.HTTPConnection(self.host, self.port, timeout=_CONNECT_TIMEOUT_S)


def url_of(settings: Settings) -> str:
    """Where a server with these settings is, seen from its own machine.

    Raises:
        SettingsError: no URL leads there.
    """
    if settings.uds or settings.fd is not None:
        raise SettingsError(
            "the settings name a socket, which no URL leads to: give the URL of the proxy before it"
        )
    return address_of(settings, settings.port)


class _ErrorBody(msgspec.Struct):
    """The JSON in which nannin says why it refuses."""

    error: str


def refusal_of(response: http.client.HTTPResponse, path: str) -> str:
    """Why a server did not do what it was asked at this path, in a few words."""
    location = response.headers.get("location")
    if response.status in _REDIRECTS and location:
        return f"it redirects to {escape(location)[:200]}"
    with contextlib.suppress(msgspec.DecodeError, OSError, http.client.HTTPException):
        return escape(msgspec.json.decode(response.read(_MAX_ERROR_BYTES), type=_ErrorBody).error)
    kind = response.headers.get_content_type()
    said = f"{response.status} {escape(response.reason)}".strip()[:80]
    return f"not a nannin server, or an old one: its {path} answers {said}, {escape(kind)[:80]}"


def describe(error: Exception, address: Address) -> str:
    """Why there is no answer, in a few words.

    Args:
        error: what came instead.
        address: where the answer was expected.
    """
    if isinstance(error, RemoteError):
        return str(error)
    if isinstance(error, http.client.RemoteDisconnected) and not address.is_https:
        return "the server closed the connection without an answer: if it speaks https, write https://"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return "not a nannin server: its answer is not HTTP"
    if isinstance(error, UnicodeError):
        return "no such host"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{escape(error.verify_message)}: --insecure accepts any certificate, "
            "and the variable SSL_CERT_FILE names a file of those to trust"
        )
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "this server speaks http: write http://"
    return escape(getattr(error, "strerror", "") or str(error))


def check_pages(pages: Iterable[str]) -> tuple[str, ...]:
    """The pages that an option `--page` has named, each of them once.

    Raises:
        SettingsError: one of them is not a page key.
    """
    for page in pages:
        if not page.startswith("/"):
            raise SettingsError(f"--page must start with /, not {escape(page)[:80]}")
    return tuple(dict.fromkeys(pages))


def escape(text: str) -> str:
    """The text with each character that could steer a terminal written as `\\uXXXX`, which JSON reads back.

    Tabs, which may stand between the values of JSON, become spaces.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
