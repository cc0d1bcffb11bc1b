"""nannin, which says all that it has again within 20 s, and not only within 10 minutes."""

from __future__ import annotations

from nannin import Live
from nannin.audience import unsaid

unsaid._SAID_AGAIN_BEATS = 4

live = Live()
