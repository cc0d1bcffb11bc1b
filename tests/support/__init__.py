"""What several test files share: fakes and clocks, servers and raw clients, applications to serve."""
