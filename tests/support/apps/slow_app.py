"""An application whose handlers never end, and one that shows how many of them there are."""

from __future__ import annotations

import asyncio

from nannin import Live, Socket

live = Live()


@live.on("work")
async def work(socket: Socket, number: int) -> None:
    await asyncio.Event().wait()


@live.on("look")
def look(socket: Socket) -> int:
    return len(asyncio.all_tasks())
