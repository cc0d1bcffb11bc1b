"""A shared cursor: everyone sees where the others point.

nannin serve --app examples/programs/cursor.py:live
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from nannin import Live, Socket

page = Path(__file__).with_suffix(".html")
live = Live(Starlette(routes=[Route("/", lambda request: FileResponse(page))]))


@live.on("point")
def point(socket: Socket, x: float, y: float) -> None:
    socket.broadcast.volatile.emit("pointed", socket.id, x, y)


@live.on("disconnect")
def left(socket: Socket) -> None:
    socket.broadcast.emit("gone", socket.id)
