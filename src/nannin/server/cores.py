"""How many cores this process may use: what the machine has, less what it may not have of that."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
from typing import Final

__all__ = ["usable_cores"]

# What a container may have, in microseconds of CPU time in each period.
# Source: Linux, cgroup-v2.rst, cpu.max.
_QUOTA: Final = pathlib.Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: pathlib.Path = _QUOTA) -> int:
    """At least 1.

    Args:
        quota: the file with the container's limit, where there is one.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        most, period = quota.read_text(encoding="ascii").split()
        if most != "max":
            cores = min(cores, math.ceil(int(most) / int(period)))
    return max(1, cores)
