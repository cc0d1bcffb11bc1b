"""What the request that opened a session said: its headers, its query, and where it came from."""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import cookie_parser

from nannin.access.client_address import address_of

_MAX_PARAMETERS = 100
# What most requests of one server have in common: it is kept once for all of them.
_COMMON = ("type", "http_version", "scheme", "root_path", "path", "raw_path", "query_string", "server")
_OWN = frozenset({"client", "headers", "subprotocols", "asgi", "state", "extensions"})
# Maximum number of different such requests that are known at a time.
_MAX_COMMON = 256
_KNOWN = frozenset(_COMMON) | _OWN


class _Packed:
    """A scope as an idle client keeps it: without a dictionary, and the headers as one text.

    Raises:
        KeyError, TypeError, ValueError: it is not as our own server makes one.
    """

    __slots__ = ("_client", "_common", "_headers", "_rest", "_state")

    def __init__(self, scope: Mapping[str, Any]) -> None:
        headers = scope["headers"]
        self._headers = b"\n".join([name + b":" + value for name, value in headers])
        if self._headers.count(b"\n") >= max(1, len(headers)) or not isinstance(scope["extensions"], dict):
            raise ValueError("expected headers without line breaks, and extensions")
        asgi, subprotocols = tuple(scope["asgi"].items()), tuple(scope["subprotocols"])
        self._common = _share((*_take_common(scope), subprotocols, asgi))
        self._client = scope["client"]
        self._state = scope["state"] or None
        self._rest: dict[str, Any] | None = None
        if len(scope) > len(_KNOWN):
            self._rest = {name: value for name, value in scope.items() if name not in _KNOWN}

    def headers(self) -> list[tuple[bytes, bytes]]:
        split = [line.partition(b":") for line in self._headers.split(b"\n")] if self._headers else []
        return [(name, value) for name, _, value in split]

    def scope(self) -> dict[str, Any]:
        *common, subprotocols, asgi = self._common
        return {
            **dict(zip(_COMMON, common, strict=True)),
            "client": self._client,
            "headers": self.headers(),
            "subprotocols": list(subprotocols),
            "asgi": dict(asgi),
            "state": {} if self._state is None else self._state,
            "extensions": {},
            **(self._rest or {}),
        }


_take_common = operator.itemgetter(*_COMMON)


@functools.lru_cache(maxsize=_MAX_COMMON)
def _share(common: tuple[Any, ...]) -> tuple[Any, ...]:
    """The first tuple that was equal to this one."""
    return common


class Handshake:
    """The request that opened a session.

    Args:
        scope: the ASGI scope of the request, with whatever the host framework's middleware put into it, such
            as `session` or `user`.
    """

    __slots__ = ("_is_shown", "_scope")

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._scope: Mapping[str, Any] | _Packed = scope
        self._is_shown = False

    @property
    def scope(self) -> Mapping[str, Any]:
        """The ASGI scope of the request; from now on it is kept as it is now shown."""
        self._is_shown = True
        self._scope = scope = self._read()
        return scope

    def pack(self) -> None:
        """Takes less memory from now on, if the scope is one of our own server, and nobody has seen it.

        What a server offers to do with the request (`extensions`) is left out, since it is over.
        """
        scope = self._scope
        if self._is_shown or isinstance(scope, _Packed):
            return
        with contextlib.suppress(KeyError, TypeError, ValueError):  # it is not as our own server makes one
            self._scope = _Packed(scope)

    def _read(self) -> Mapping[str, Any]:
        return self._scope.scope() if isinstance(self._scope, _Packed) else self._scope

    def _raw_headers(self) -> Iterable[tuple[bytes, bytes]]:
        return self._scope.headers() if isinstance(self._scope, _Packed) else self._scope.get("headers", ())

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case.

        Several of one name are joined by ", ", and cookies by "; ". Source: RFC 9110, 5.3; RFC 9113, 8.2.3.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_value in self._raw_headers():
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            between = "; " if name == "cookie" else ", "
            headers[name] = f"{headers[name]}{between}{value}" if name in headers else value
        return headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came with it. One that is malformed is left out, and hides no other."""
        cookies = cookie_parser(self.headers.get("cookie", ""))
        cookies.pop("", None)  # what had no name
        return cookies

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of several with one name the last."""
        text = self._read().get("query_string", b"").decode("latin-1")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS))
        except ValueError:
            return {}

    @property
    def address(self) -> str:
        """The client's IP address, or that which a trusted proxy gave; empty behind a Unix socket."""
        return address_of(self._read())

    @property
    def user_agent(self) -> str:
        """The header User-Agent, empty where there is none."""
        for name, value in self._raw_headers():
            if name == b"user-agent":
                return str(value.decode("latin-1"))
        return ""
