"""Bytes in and out: Engine.IO sessions over HTTP long-polling and WebSocket, as ASGI."""
