"""The cookie of the dashboard's login: what the read_token opens, it opens as well, for some days.

It is the time of its end and a signature of that, with a key that is made from the token. So every worker
accepts what any of them has given, nothing is kept, and a new token ends all cookies of the old one.

Source: RFC 6265, sections 4.1 and 5.1.4; "Same-Site Cookies" of RFC 6265bis.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from starlette.types import Scope

from nannin.access.origin import find_header
from nannin.web.bearer import Tries

if TYPE_CHECKING:
    from itsdangerous import Signer

COOKIE: Final = "nannin_reader"
# Seconds for which a cookie opens the lists: a week.
LIFE_S: Final = 7 * 86_400
_SALT: Final = b"nannin.reader"
_VALUE: Final = re.compile(r"([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})")
# How many bytes of a request's cookies are looked at: twice the longest line that `nannin serve` lets pass.
# A page of a neighbouring name can set any number of cookies of our name, and browsers send them first.
_MAX_COOKIE_BYTES: Final = 16_384


class Login:
    """Gives cookies for the token, and knows them again.

    Args:
        token: the read_token.
        tries: compares what comes; a forged cookie is a guess at the token.
        unix_s: the time of day.
    """

    def __init__(self, token: str, tries: Tries, unix_s: Callable[[], float] = time.time) -> None:
        self._token = token
        self._tries = tries
        self._unix_s = unix_s

    def is_token(self, scope: Scope, came: str) -> bool:
        """Whether what somebody has typed is the token.

        Raises:
            HTTPException: 429 if it was not looked at.
        """
        return self._tries.is_right(
            scope, lambda: hmac.compare_digest(came.encode(errors="replace"), self._token.encode())
        )

    def give(self, scope: Scope) -> str:
        """The Set-Cookie header that lets a browser in.

        It names no path: the browser takes the folder of `/dashboard`, which is the mount point as the
        browser sees it, whatever stands in front of us.
        """
        until = str(int(self._unix_s()) + LIFE_S)
        value = f"{until}.{self._signer.get_signature(until).decode('ascii')}"
        return f"{COOKIE}={value}; Max-Age={LIFE_S}{_attributes(scope)}"

    def take_back(self, scope: Scope) -> str:
        """The Set-Cookie header that signs a browser out."""
        return f"{COOKIE}=; Max-Age=0{_attributes(scope)}"

    def admits(self, scope: Scope) -> bool:
        """Whether a request has a cookie of ours that has not ended, and no page of another origin made it.

        Raises:
            HTTPException: 429 if it was not looked at.
        """
        values = _read_cookies(scope)
        if not values or _is_of_another_origin(scope):
            return False
        ends: list[int] = []

        def compare() -> bool:
            # All of them are one guess: else a page of a neighbouring name could use up the owner's with one
            # request, and keep them from signing in.
            ends.extend(int(until) for until, mac in values if self._signer.verify_signature(until, mac))
            return bool(ends)

        return self._tries.is_right(scope, compare) and max(ends) > self._unix_s()

    @cached_property
    def _signer(self) -> Signer:
        from itsdangerous import Signer  # most servers need none, and it takes 16 ms to load

        return Signer(self._token, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)


def _is_of_another_origin(scope: Scope) -> bool:
    """Whether a page of another origin asks: SameSite lets those of the same site through.

    A link may lead here from anywhere, as the page that has it learns nothing of the answer.

    Source: W3C, "Fetch Metadata Request Headers".
    """
    site, mode = (find_header(scope["headers"], name) for name in (b"sec-fetch-site", b"sec-fetch-mode"))
    return site not in ("", "same-origin", "none") and mode != "navigate"


def _attributes(scope: Scope) -> str:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return f"; HttpOnly; SameSite=Strict{secure}"


def _read_cookies(scope: Scope) -> list[tuple[str, str]]:
    """The cookies of ours that a request has: each one's end, and its signature."""
    headers = b";".join(header for name, header in scope["headers"] if name == b"cookie")
    pairs = (pair.strip().partition("=") for pair in headers[:_MAX_COOKIE_BYTES].decode("latin-1").split(";"))
    matches = (_VALUE.fullmatch(value) for name, _, value in pairs if name == COOKIE)
    return [(match[1], match[2]) for match in matches if match is not None]
