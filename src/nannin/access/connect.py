"""What a client says of itself in its CONNECT packet."""

from __future__ import annotations

import enum


class Format(enum.Enum):
    """What a client asked for with `updates` in its CONNECT payload."""

    CLASSIC = "classic"  # the pair of the sample of 2011, one number
    AUDIENCE = "audience"  # one event with the whole count
    NONE = "none"
