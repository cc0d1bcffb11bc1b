"""Engine.IO: sessions, their deadlines, and the transports that carry them, as ASGI."""
