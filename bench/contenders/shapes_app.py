"""nannin with the few handlers that bench/shapes asks for.

"enter room" enters the room; "say" has everyone of the page, or of the room, told a text of that length.
"""

from __future__ import annotations

from nannin import Live, Socket

app = Live()


def enter_room(socket: Socket) -> None:
    """Enters the room."""
    socket.join("room")


def say(socket: Socket, room: str, size: int) -> None:
    """Tells a text to the page, or to the room if one is named."""
    target = socket.page.to(room) if room else socket.page
    target.emit("said", "x" * size)


for page in (app.page("/"), app.page("/page/*")):
    page.on("enter room")(enter_room)
    page.on("say")(say)
