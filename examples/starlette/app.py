"""Starlette: an article with its readers' number, and news for all of them, with nannin under /live.

Run it in one of these ways:

    nannin serve --app examples/starlette/app.py:app
    uvicorn --app-dir examples/starlette --port 8124 --ws nannin:DirectWebSocket app:app

And tell all readers something:

    curl -X POST http://127.0.0.1:8124/news -d 'The article was corrected.'
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Mount, Route

from nannin import Live

live = Live()
article = live.page("/")


def show(request: Request) -> FileResponse:
    return FileResponse(Path(__file__).with_name("index.html"))


async def publish(request: Request) -> JSONResponse:
    article.emit("news", (await request.body()).decode())
    return JSONResponse({"readers": article.count.visitors})


app = Starlette(routes=[Route("/", show), Route("/news", publish, methods=["POST"]), Mount("/live", live)])
