"""`nannin demo`: a small site with a year of history, and people who come and go."""
