"""Who may read the lists: whatever names pages that the reader does not know of.

A page's key may be a secret by itself: an invitation, a draft, a link that resets a password. So lists are
for programs on the server's own machine, and for whoever has the token.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Scope

from nannin.access.origin import find_header, is_allowed, is_loopback_host
from nannin.web.bearer import CHALLENGE, is_bearer_of, read_bearer

# Any of these says that a proxy passed the request on, so the peer's address is the proxy's.
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


class PrivateLists:
    """Judges requests for a list.

    Args:
        token: the secret that opens the lists from anywhere; None if only this machine may read them.
        allow_origins: origins whose pages may read them from this machine, besides its own.
        on_refused: called for each request that was refused.
    """

    def __init__(
        self,
        token: str | None = None,
        allow_origins: Collection[str] = (),
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._token = token
        self._allow_origins = allow_origins
        self._on_refused = on_refused

    def check(self, scope: Scope) -> None:
        """Lets a request for a list pass.

        Raises:
            HTTPException: 401 if the token is missing or wrong; 403 if there is none and the request comes
                from another machine.
        """
        if self._token is not None and is_bearer_of(scope, self._token):
            return
        came = read_bearer(scope) is not None
        if not came and self._is_local(scope):
            return
        self._on_refused()
        if self._token is None:
            raise HTTPException(
                403,
                "lists of pages are for the server's own machine; the setting read_token opens them",
            )
        wrong = "this token is not" if came else "this needs the header Authorization: Bearer with"
        raise HTTPException(401, f"{wrong} the read_token of the server", CHALLENGE)

    def _is_local(self, scope: Scope) -> bool:
        """Whether the request comes from a program on this machine, or from a page that it serves itself.

        The Host is looked at as well: a foreign site whose name was made to lead to 127.0.0.1 is called by
        that name. It tells nothing of a proxy, as the client chooses it: a proxy on this machine that adds no
        header of its own looks like a program.
        """
        headers = scope["headers"]
        names = [name for name, _ in headers]
        if any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIX) for name in names):
            return False
        if names.count(b"host") != 1:
            return False
        host = find_header(headers, b"host")
        return (
            _is_loopback_address((scope.get("client") or ("", 0))[0])
            and is_loopback_host(host)
            and is_allowed(find_header(headers, b"origin"), host, self._allow_origins)
        )


def _is_loopback_address(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
