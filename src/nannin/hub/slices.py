"""How long may be told and sent before the loop turns, so that others are served in between."""

from __future__ import annotations

from typing import NamedTuple


class Slices(NamedTuple):
    """How much goes out to many before the loop turns.

    Attributes:
        recipients: the most recipients of one slice of a count.
        seconds: the time after which a slice ends early.
        look_every: how many recipients that are sent to one by one are sent to before a look at the clock.
        at_once: an event to so few is sent without a look at the clock.
    """

    recipients: int = 5_000
    seconds: float = 0.01
    look_every: int = 100
    at_once: int = 250
