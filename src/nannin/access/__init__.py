"""Who may come in: web origins, page tokens, crawlers, and what is asked of a CONNECT."""
