"""How often an address may send a wrong token: whoever guesses at a secret is slowed down."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from nannin.access.budgets import Budgets, Rate
from nannin.access.client_address import MAX_CHARACTERS, Proxies
from nannin.access.refusals import Refusal, Refusals

__all__ = ["Guesses"]

# How many wrong tokens of one address are looked at: 20 at once, and then one a second.
_RATE: Final = Rate(1.0, 20)
# Maximum addresses that are remembered; each for 20 s at most.
_MAX_REMEMBERED: Final = 10_000


class Guesses:
    """Limits wrong tokens by the client's address. No address is excepted, this machine's neither.

    Args:
        proxies: the proxies that are believed, as the setting has them.
        refusals: tallies the requests that are not looked at.
    """

    def __init__(self, proxies: Collection[str], refusals: Refusals) -> None:
        self._proxies = Proxies(proxies)
        self._refusals = refusals
        self._budgets = Budgets(_RATE, _MAX_REMEMBERED)

    def wait_s(self, address: str, now: float) -> float:
        """How many seconds an address has to wait until its next token is looked at.

        Args:
            address: the client's, as an ASGI scope has it; empty if it has none.
            now: monotonic seconds.

        Returns:
            0.0 if it may send one now; else the request is refused, and tallied.
        """
        wait_s = self._budgets.wait_s(self._key(address), now)
        if wait_s:
            self._refusals.add_and_tell(
                Refusal.GUESS,
                "an address sends wrong tokens, for /api/emit or a list of pages, and is answered with 429: "
                "%d at once, and then one a second, are looked at. If it is a program of yours, give it the "
                "emit_token or the read_token in force",
                _RATE.burst,
            )
        return wait_s

    def miss(self, address: str, now: float) -> None:
        """An address has sent a wrong token."""
        self._budgets.spend(self._key(address), now)

    def _key(self, address: str) -> int | str:
        limited_as = self._proxies.limited_as(address)
        return address[:MAX_CHARACTERS] if limited_as is None else limited_as
