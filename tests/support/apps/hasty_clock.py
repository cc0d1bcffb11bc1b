"""nannin on a machine whose wall clock jumps ahead every few seconds, so that history is written then."""

from __future__ import annotations

import time

from nannin import Live

EVERY_S = 4.0
_now, _began_s = time.time, time.monotonic()
time.time = lambda: _now() + 3_600 * ((time.monotonic() - _began_s) // EVERY_S)

live = Live()
