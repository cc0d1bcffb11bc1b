"""`python -m nannin` is the command `nannin`."""

from __future__ import annotations

import sys

from nannin.cli.command import main

if __name__ == "__main__":
    sys.exit(main())
