"""A poll: each connection has one vote, and everyone sees the result grow.

nannin serve --app examples/programs/poll.py:live
"""

from pathlib import Path
from typing import Literal

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from nannin import Live, Socket

page = Path(__file__).with_suffix(".html")
live = Live(Starlette(routes=[Route("/", lambda request: FileResponse(page))]))
votes = {"tea": 0, "coffee": 0}


@live.on("connect")
def show(socket: Socket) -> None:
    socket.emit("result", votes)


@live.on("vote")
def vote(socket: Socket, choice: Literal["tea", "coffee"]) -> bool:
    if socket.data.get("voted"):
        return False
    socket.data["voted"] = True
    votes[choice] += 1
    socket.page.emit("result", votes)
    return True
