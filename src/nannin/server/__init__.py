"""The process: uvicorn, signals, listening sockets, the application to serve, logs."""
