"""What people and programs look at: pages, scripts, and the ASGI app that they are part of."""
