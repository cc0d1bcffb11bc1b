"""Recovery: a reader whose link was lost comes back to its room, and to the news that it missed.

nannin serve --app examples/programs/recovery.py:live
"""

from nannin import Live, Socket

live = Live(recover=120.0)


@live.on("connect")
def arrived(socket: Socket) -> None:
    if not socket.recovered:
        socket.join("readers")


@live.on("publish")
def publish(socket: Socket, text: str) -> None:
    socket.page.to("readers").emit("news", text)
