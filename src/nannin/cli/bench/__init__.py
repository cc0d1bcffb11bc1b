"""The benchmark: a crowd of clients, what is measured with it, and how the figures are shown."""
