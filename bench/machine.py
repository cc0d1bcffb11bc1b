"""The machine that is measured on: its cores, and who else uses them."""

from __future__ import annotations

import os
import pathlib
import time


def cores() -> tuple[int | None, int | None]:
    """A core for the server and another for the crowd; None where there is only one."""
    found = sorted(os.sched_getaffinity(0))
    return (found[-1], found[0]) if len(found) > 1 else (None, None)


class Others:
    """Watches how much CPU time other processes take meanwhile, since they spoil the figures."""

    def __init__(self) -> None:
        self._began = self._now()

    def percent(self) -> float:
        """Of all cores, since the beginning; processes that were started here count once they have ended."""
        busy, own, wall_s = (now - began for now, began in zip(self._now(), self._began, strict=True))
        return max(0.0, busy - own) / (wall_s * (os.cpu_count() or 1)) * 100

    @staticmethod
    def _now() -> tuple[float, float, float]:
        ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = sum(ticks) - ticks[3] - ticks[4]  # all but idle and waiting for a disk
        used = os.times()
        own = used.user + used.system + used.children_user + used.children_system
        return busy / os.sysconf("SC_CLK_TCK"), own, time.monotonic()
