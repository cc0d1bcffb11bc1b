"""Tests of an application without server, sockets and waiting: `Stage`, and the `Client`s on it."""

from nannin.testing.client import Client as Client
from nannin.testing.stage import Stage as Stage

__all__ = ["Client", "Stage"]
