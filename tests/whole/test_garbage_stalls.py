"""How long the real collector stops a process, however many objects there are."""

from __future__ import annotations

import subprocess
import sys

GROW = """
import gc, time, weakref
from nannin.server.garbage import Garbage

pauses, began = [], 0.0

def note(phase, info):
    global began
    if phase == "start":
        began = time.thread_time()
    else:
        pauses.append(time.thread_time() - began)

gc.callbacks.append(note)
Garbage().relax()
del pauses[:]
kept = [[[number], {"number": [number]}] for number in range(750_000)]
assert gc.get_freeze_count() > 2_000_000, gc.get_freeze_count()

class Ring: pass

ring = Ring()
ring.ring = ring
seen = weakref.ref(ring)
del ring
for _ in range(100):
    if seen() is not None:
        kept += [[] for _ in range(20_000)]
assert seen() is None, "a circle is found all the same"
print(max(pauses))
"""


def test_with_three_million_objects_no_collection_takes_long() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROW], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(done.stdout) < 0.25, (
        "a walk through all of them takes 0.4 s; on a busy machine, all take longer"
    )
