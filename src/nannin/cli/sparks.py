"""Numbers as a line of bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

__all__ = ["GAP", "draw_sparks"]

GAP: Final = "·"  # what stands for a number that is not known
_BARS: Final = "▁▂▃▄▅▆▇█"


def draw_sparks(numbers: Sequence[float | None]) -> str:
    """The numbers as bars; the greatest one has the full height, if it is at least one."""
    most = max(1.0, *(number for number in numbers if number is not None), 1.0)
    highest = len(_BARS) - 1
    # A number times 7 and divided by itself is a little more than 7 for one float in nine.
    return "".join(
        GAP if number is None else _BARS[min(highest, math.ceil(number * highest / most))]
        for number in numbers
    )
