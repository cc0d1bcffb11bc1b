"""nannin on a machine whose wall clock jumps with every look at it."""

from __future__ import annotations

import itertools
import time

from nannin import Live

_now = time.time
_jumps = itertools.cycle([0.0, 3_600.0, -3_600.0, 400 * 86_400.0])
time.time = lambda: _now() + next(_jumps)

live = Live()
