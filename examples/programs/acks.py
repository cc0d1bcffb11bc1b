"""Acknowledgements both ways: the server answers a client, and asks one client or all of them.

nannin serve --app examples/programs/acks.py:live
"""

from typing import Any

from nannin import Live, Socket

live = Live()


@live.on("add")
def add(socket: Socket, a: float, b: float) -> float:
    return a + b


@live.on("greet me")
async def greet(socket: Socket) -> str:
    name = await socket.call("your name?", timeout=5)
    return f"Good morning, {name}"


@live.on("ask the others")
async def ask(socket: Socket, question: str) -> dict[str, Any]:
    answers = await socket.broadcast.call("question", question, timeout=0.5)
    return {"answers": list(answers.answered.values()), "silent": len(answers.missing)}
