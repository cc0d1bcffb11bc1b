"""FastAPI: a chat for who has signed in. One dependency decides for routes and for nannin, under /live.

Run it in one of these ways:

    nannin serve --app examples/fastapi/app.py:app
    uvicorn --app-dir examples/fastapi --port 8124 --ws nannin:DirectWebSocket app:app
"""

from pathlib import Path
from typing import Annotated

from fastapi import Body, Cookie, Depends, FastAPI, HTTPException, Response
from fastapi.responses import FileResponse
from itsdangerous import BadSignature, Signer

from nannin import ConnectionRefused, Live, Socket

SIGNER = Signer("a secret of your own")

app = FastAPI()
live = Live()
app.mount("/live", live)


def member(who: Annotated[str, Cookie()] = "") -> str:
    """The name that a visitor signed in with."""
    try:
        return SIGNER.unsign(who).decode()
    except BadSignature:
        raise HTTPException(401, "Sign in first") from None


@app.get("/")
def show() -> FileResponse:
    return FileResponse(Path(__file__).with_name("index.html"))


@app.post("/sign-in")
def sign_in(name: Annotated[str, Body(embed=True)], response: Response) -> None:
    response.set_cookie("who", SIGNER.sign(name).decode(), httponly=True, samesite="lax")


@app.get("/me")
def me(name: Annotated[str, Depends(member)]) -> str:
    return name


@live.on("connect")
def arrived(socket: Socket) -> None:
    try:
        socket.data["name"] = member(socket.cookies.get("who", ""))
    except HTTPException as error:
        raise ConnectionRefused(error.detail) from None


@live.on("say")
def say(socket: Socket, text: str) -> None:
    socket.page.emit("said", socket.data["name"], text)
