"""Whether a request carries a secret of ours, as `Authorization: Bearer`.

Source: RFC 6750, section 2.1. The query parameter of its section 2.3 is not taken: addresses end up in logs.
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Scope

from nannin.access.client_address import address_of
from nannin.access.guesses import Guesses
from nannin.access.origin import find_header

# Goes with every 401.
CHALLENGE: Final = {"www-authenticate": "Bearer"}


def read_bearer(scope: Scope) -> str | None:
    """Returns the token that came with a request, or None if none came."""
    scheme, _, token = find_header(scope["headers"], b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def why_refused(scope: Scope, setting: str) -> str:
    """What a request is told without the secret of this setting: that its token is wrong, or missing."""
    came = read_bearer(scope) is not None
    wrong = "this token is not" if came else "this needs the header Authorization: Bearer with"
    return f"{wrong} the {setting} of the server"


class Tries:
    """Compares the tokens of requests with secrets of ours. Whoever sends many wrong ones has to wait.

    Args:
        guesses: how often an address may send a wrong one; None for any number.
        now: monotonic seconds.
    """

    def __init__(self, guesses: Guesses | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._guesses = guesses
        self._now = now

    def is_bearer_of(self, scope: Scope, secret: str) -> bool:
        """Whether the token that came is this secret, compared in a time that tells nothing of it.

        Raises:
            HTTPException: 429 if the token was not looked at.
        """
        came = read_bearer(scope)
        if came is None:
            return False
        return self.is_right(scope, lambda: hmac.compare_digest(came.encode(), secret.encode()))

    def is_right(self, scope: Scope, compare: Callable[[], bool]) -> bool:
        """Whether what came in a request is what it has to be; if not, it was a guess.

        Args:
            scope: the request.
            compare: does so, in a time that tells nothing of the secret.

        Raises:
            HTTPException: 429 if it was not looked at.
        """
        address, now = address_of(scope), self._now()
        if self._guesses is not None and (wait_s := self._guesses.wait_s(address, now)):
            words = "too many wrong tokens came from this address; ask again later"
            raise HTTPException(429, words, {"retry-after": str(math.ceil(wait_s))})
        if compare():
            return True
        if self._guesses is not None:
            self._guesses.miss(address, now)
        return False
