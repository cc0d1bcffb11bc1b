"""Quart: everyone sees where the others point, with nannin around the app.

Run it in one of these ways:

    nannin serve --app examples/quart/app.py:app
    uvicorn --app-dir examples/quart --port 8124 --ws nannin:DirectWebSocket app:app
"""

from pathlib import Path

from quart import Quart, Response, send_file

from nannin import Live, Socket

site = Quart(__name__)
app = live = Live(site)


@site.get("/")
async def show() -> Response:
    return await send_file(Path(__file__).with_name("index.html"))


@live.on("point")
def point(socket: Socket, x: float, y: float) -> None:
    socket.broadcast.emit("pointed", socket.id, x, y)  # everyone but me


@live.on("disconnect")
def left(socket: Socket, reason: str) -> None:
    socket.page.emit("gone", socket.id)
