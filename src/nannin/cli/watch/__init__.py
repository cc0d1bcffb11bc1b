"""Shows the counts of a running server in a terminal: `nannin watch URL`."""
