"""How often an address may send a wrong token: whoever guesses at a secret is slowed down."""

from __future__ import annotations

from typing import Final

from nannin.access.budgets import NO_LIMIT, Budgets, Rate
from nannin.access.client_address import MAX_CHARACTERS, Proxies
from nannin.access.refusals import Refusal, Refusals
from nannin.settings import Settings

__all__ = ["Guesses"]

# Which part of what may come in a minute may come at once.
_BURST: Final = 1 / 3
# Maximum addresses that are remembered; each for 20 s at most.
_MAX_REMEMBERED: Final = 10_000


def guess_rate(settings: Settings) -> Rate:
    """How many wrong tokens of one address are looked at."""
    if not settings.max_guesses:
        return NO_LIMIT
    return Rate(settings.max_guesses / 60, max(1, round(settings.max_guesses * _BURST)))


class Guesses:
    """Limits wrong tokens by the client's address. No address is excepted, this machine's neither.

    Args:
        settings: how many may come, and the proxies that are believed.
        refusals: tallies the requests that are not looked at.
    """

    def __init__(self, settings: Settings, refusals: Refusals) -> None:
        self._a_minute = settings.max_guesses
        self._proxies = Proxies(settings.forwarded_allow_ips)
        self._refusals = refusals
        self._budgets = Budgets(guess_rate(settings), _MAX_REMEMBERED)

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
                "max_guesses lets %d a minute be looked at. If it is a program of yours, give it the "
                "emit_token or the read_token in force",
                self._a_minute,
            )
        return wait_s

    def miss(self, address: str, now: float) -> None:
        """An address has sent a wrong token."""
        self._budgets.spend(self._key(address), now)

    def _key(self, address: str) -> int | str:
        limited_as = self._proxies.limited_as(address)
        return address[:MAX_CHARACTERS] if limited_as is None else limited_as
