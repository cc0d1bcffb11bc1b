"""How many connections each address has, and how quickly it opens new ones."""

from __future__ import annotations

import math
from typing import Final

from nannin.access.budgets import Budgets, Rate
from nannin.access.client_address import Proxies
from nannin.access.refusals import Refusal, Refusals
from nannin.settings import Settings

# Maximum addresses whose rate is remembered. Each is for a second at most, and takes some 200 bytes.
_MAX_REMEMBERED: Final = 10_000


class Seat:
    """A place that a connection takes while it lasts.

    Args:
        taken: how many are taken by each address.
        key: the connection's address.
    """

    __slots__ = ("_key", "_taken")

    def __init__(self, taken: dict[int, int], key: int) -> None:
        self._taken: dict[int, int] | None = taken
        self._key = key

    def leave(self) -> None:
        """The connection has ended; a second time changes nothing."""
        taken, self._taken = self._taken, None
        if taken is not None:
            if taken[self._key] > 1:
                taken[self._key] -= 1
            else:
                del taken[self._key]


class _FreeSeat(Seat):
    """The seat of all whose addresses are not limited."""

    __slots__ = ()

    def leave(self) -> None:
        """Nothing was taken."""


FREE: Final[Seat] = _FreeSeat({}, 0)


class Addresses:
    """Limits connections by the client's address.

    A connection is an Engine.IO session, over whichever transport, or a stream of server-sent events. Each
    address that has one takes an entry until it has none.

    Args:
        settings: the limits, and whom they don't concern.
        refusals: tallies those that are refused.
    """

    def __init__(self, settings: Settings, refusals: Refusals) -> None:
        self._proxies = Proxies(settings.forwarded_allow_ips)
        self._most = settings.max_per_address or math.inf
        self._most_new = settings.new_per_address
        self._refusals = refusals
        self._taken: dict[int, int] = {}
        rate = Rate(self._most_new or math.inf, max(1, self._most_new))
        self._rates = Budgets(rate, _MAX_REMEMBERED)

    def __len__(self) -> int:
        """How many addresses have connections."""
        return len(self._taken)

    def enter(self, address: str, now: float) -> Seat | None:
        """Gives a new connection a seat.

        Args:
            address: the client's, as an ASGI scope has it; empty if it has none.
            now: monotonic seconds.

        Returns:
            Its seat, which it has to leave; None if the connection is to be refused.
        """
        key = self._proxies.limited_as(address)
        if key is None:
            return FREE
        taken = self._taken.get(key, 0)
        if taken >= self._most:
            self._refusals.add_and_tell(
                Refusal.ADDRESS,
                "an address has %d connections, and further ones are refused with 429: "
                "max_per_address allows no more. Where many people share an address, raise it; "
                "if this is a proxy's address, name it in forwarded_allow_ips",
                taken,
            )
            return None
        if self._rates.spend(key, now):
            self._refusals.add_and_tell(
                Refusal.ADDRESS_RATE,
                "an address opens more than %d connections a second, and those are refused with 429: "
                "new_per_address allows no more. Where many people share an address, raise it; "
                "if this is a proxy's address, name it in forwarded_allow_ips",
                self._most_new,
            )
            return None
        self._taken[key] = taken + 1
        return Seat(self._taken, key)
