"""The domain, pure: who is on which page, and how many that makes. Time is an argument."""
