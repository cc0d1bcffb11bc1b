"""Who may read the lists, whatever names pages that the reader does not know of, and the metrics.

A page's key may be a secret by itself: an invitation, a draft, a link that resets a password. So lists are
for programs on the server's own machine, and for whoever has the token.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import Scope

from nannin.access.client_address import address_of, read_address
from nannin.access.gate import Gate
from nannin.access.hosts import is_forwarded
from nannin.access.origin import find_header, is_loopback_host
from nannin.web.bearer import CHALLENGE, Tries, read_bearer, why_refused
from nannin.web.login import Login


class Entrance(enum.Enum):
    """How a request comes to the lists."""

    NONE = ""
    LOCAL = "local"  # from this machine
    TOKEN = "token"  # noqa: S105 - the name of a way, and not a secret
    COOKIE = "cookie"  # by the dashboard's login


class PrivateLists:
    """Judges requests for a list.

    Args:
        token: the secret that opens the lists from anywhere; None if only this machine may read them.
        gate: whose pages may read them from this machine.
        on_refused: called for each request that was refused, with its path.
        tries: compares tokens; None: as often as they come.
        login: knows the cookies of the dashboard's login; None if there are none.
        what: what is read, in the words of a refusal.
    """

    def __init__(
        self,
        token: str | None = None,
        gate: Gate | None = None,
        on_refused: Callable[[str], None] = lambda path: None,
        tries: Tries | None = None,
        login: Login | None = None,
        what: str = "lists of pages",
    ) -> None:
        self._token = token
        self._gate = gate or Gate()
        self._on_refused = on_refused
        self._tries = tries or Tries()
        self._what = what
        self._login = login

    def entrance(self, scope: Scope) -> Entrance:
        """How this request may read the lists, if it may. Nothing is tallied but wrong tokens.

        Raises:
            HTTPException: 429 after too many wrong tokens.
        """
        if self._token is not None and self._tries.is_bearer_of(scope, self._token):
            return Entrance.TOKEN
        if read_bearer(scope) is not None:
            return Entrance.NONE
        if self._is_local(scope):
            return Entrance.LOCAL
        if self._login is not None and self._login.admits(scope):
            return Entrance.COOKIE
        return Entrance.NONE

    def admits(self, scope: Scope) -> bool:
        """Whether this request may read the lists. No refusal is tallied.

        Raises:
            HTTPException: 429 after too many wrong tokens.
        """
        return self.entrance(scope) is not Entrance.NONE

    def check(self, scope: Scope) -> None:
        """Lets a request for a list pass.

        Raises:
            HTTPException: 401 if the token is missing or wrong; 403 if there is none and the request comes
                from another machine; 429 after too many wrong tokens.
        """
        if self.admits(scope):
            return
        self._on_refused(scope["path"])
        if self._token is None:
            raise HTTPException(
                403,
                f"{self._what} are for the server's own machine; the setting read_token opens them",
            )
        raise HTTPException(401, why_refused(scope, "read_token"), CHALLENGE)

    def _is_local(self, scope: Scope) -> bool:
        """Whether the request comes from a program on this machine, or from a page that it serves itself.

        The Host is looked at as well: a foreign site whose name was made to lead to 127.0.0.1 is called by
        that name. It tells nothing of a proxy, as the client chooses it: a proxy on this machine that adds no
        header of its own looks like a program.
        """
        headers = scope["headers"]
        if is_forwarded(headers) or [name for name, _ in headers].count(b"host") != 1:
            return False
        client = read_address(address_of(scope))
        return (
            client is not None
            and client.is_loopback
            and is_loopback_host(find_header(headers, b"host"))
            and self._gate.admits_page(headers)
        )
