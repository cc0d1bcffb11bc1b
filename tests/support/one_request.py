"""One HTTP request to an ASGI app, as a client of HTTP sees the answer, without a server."""

from __future__ import annotations

import asyncio

import httpx
from starlette.types import ASGIApp


def ask(app: ASGIApp, path: str, method: str = "GET", *, root_path: str = "") -> httpx.Response:
    """The app's answer."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path)

    return asyncio.run(main())
