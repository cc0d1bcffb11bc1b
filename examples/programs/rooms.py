"""Rooms: parts of a page's audience, which clients join and leave by name.

nannin serve --app examples/programs/rooms.py:live
"""

from nannin import Live, PayloadError, Socket

live = Live()


@live.on("join")
def join(socket: Socket, room: str) -> list[str]:
    socket.join(room)
    socket.to(room).emit("joined", room, socket.id)
    return socket.rooms


@live.on("leave")
def leave(socket: Socket, room: str) -> list[str]:
    socket.leave(room)
    return socket.rooms


@live.on("say")
def say(socket: Socket, room: str, text: str) -> None:
    if room not in socket.rooms:
        raise PayloadError(f"you are not in {room}")
    socket.page.to(room).emit("said", room, text)
