"""The commands: serve, watch, emit, bench, token."""
