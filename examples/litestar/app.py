"""Litestar: a poll whose result moves while people vote, with nannin under /live.

Run it in one of these ways:

    nannin serve --app examples/litestar/app.py:app
    uvicorn --app-dir examples/litestar --port 8124 --ws nannin:DirectWebSocket app:app
"""

from collections import Counter
from pathlib import Path

from litestar import Litestar, MediaType, asgi, get

from nannin import Live, Socket

CHOICES = ("tea", "coffee")

live = Live()
votes = Counter(dict.fromkeys(CHOICES, 0))


@live.on("connect")
def arrived(socket: Socket) -> None:
    socket.emit("result", votes)  # only me


@live.on("vote")
def vote(socket: Socket, choice: str) -> bool:
    if choice not in CHOICES or "voted" in socket.data:
        return False
    socket.data["voted"] = choice
    votes[choice] += 1
    socket.page.emit("result", votes)  # everyone
    return True


@get("/", media_type=MediaType.HTML, sync_to_thread=False)
def show() -> str:
    return Path(__file__).with_name("index.html").read_text(encoding="utf-8")


app = Litestar([show, asgi("/live", is_mount=True, copy_scope=True)(live)])
