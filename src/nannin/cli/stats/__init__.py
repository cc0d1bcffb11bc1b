"""Shows what a running server's pages have had lately: `nannin stats URL`."""
