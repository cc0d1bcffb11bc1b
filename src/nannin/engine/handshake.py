"""What the request that opened a session said: its headers, its query, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import cookie_parser

from nannin.access.client_address import address_of

_MAX_PARAMETERS = 100


class Handshake:
    """The request that opened a session.

    Attributes:
        scope: the ASGI scope of the request, with whatever the host framework's middleware put into it, such
            as `session` or `user`.
    """

    __slots__ = ("scope",)

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.scope = scope

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case.

        Several of one name are joined by ", ", and cookies by "; ". Source: RFC 9110, 5.3; RFC 9113, 8.2.3.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_value in self.scope.get("headers", ()):
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
        text = self.scope.get("query_string", b"").decode("latin-1")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS))
        except ValueError:
            return {}

    @property
    def address(self) -> str:
        """The client's IP address, or that which a trusted proxy gave; empty behind a Unix socket."""
        return address_of(self.scope)

    @property
    def user_agent(self) -> str:
        """The header User-Agent, empty where there is none."""
        for name, value in self.scope.get("headers", ()):
            if name == b"user-agent":
                return str(value.decode("latin-1"))
        return ""
