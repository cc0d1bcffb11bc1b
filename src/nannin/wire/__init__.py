"""Sans-I/O protocols: bytes and packets in, bytes and packets out; no socket, no clock, no loop."""
