"""A live dashboard in FastAPI: orders come in by HTTP, and everyone who looks sees the figures change.

nannin serve --app examples/programs/dashboard.py:app
"""

import asyncio
import os
from pathlib import Path
from typing import Annotated

from fastapi import Body, FastAPI
from fastapi.responses import FileResponse

from nannin import Live, Socket

app = FastAPI()
live = Live()
app.mount("/live", live)
figures = {"orders": 0, "revenue": 0.0}


@app.get("/")
def show() -> FileResponse:
    return FileResponse(Path(__file__).with_suffix(".html"))


@app.post("/orders")
async def order(amount: Annotated[float, Body(embed=True)]) -> None:
    figures["orders"] += 1
    figures["revenue"] += amount
    live.page("/").emit("figures", figures)


@live.on("connect")
def arrived(socket: Socket) -> None:
    socket.emit("figures", figures)


@live.background
async def measure() -> None:
    while True:
        live.page("/").volatile.emit("load", os.getloadavg()[0])
        await asyncio.sleep(1)
