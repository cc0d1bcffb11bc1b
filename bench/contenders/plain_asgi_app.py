"""nannin as an ASGI app like any other, for uvicorn's own WebSocket protocol."""

from nannin import Live

app = Live()
