"""A chat: everyone on the page sees what is said, and how many are there.

nannin serve --app examples/programs/chat.py:live
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from nannin import Live, Socket

page = Path(__file__).with_suffix(".html")
live = Live(Starlette(routes=[Route("/", lambda request: FileResponse(page))]))


@live.on("connect")
def arrived(socket: Socket) -> None:
    socket.broadcast.emit("notice", "Somebody came in.")


@live.on("say")
def say(socket: Socket, name: str, text: str) -> None:
    socket.page.emit("said", name, text)
