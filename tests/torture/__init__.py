"""The campaign: what must not break a server, tried on a running one. `make torture` prints a table."""
