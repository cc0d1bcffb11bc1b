"""The sample of 2011: everyone on the page is told how many they are."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Mount, Route

from nannin import Live, Socket

live = Live()


@live.on("connect")
def arrived(socket: Socket) -> None:
    socket.page.emit("user connected", socket.page.count.connections)  # everyone
    socket.broadcast.emit("notice", "だれかが来ました。")  # everyone but me
    socket.emit("notice", "ようこそ。")  # only me


@live.on("disconnect")
def left(socket: Socket, reason: str) -> None:
    socket.page.emit("user disconnected", socket.page.count.connections)


def page(request: object) -> FileResponse:
    return FileResponse(Path(__file__).with_name("index.html"))


app = Starlette(routes=[Route("/", page), Mount("/", live)])
