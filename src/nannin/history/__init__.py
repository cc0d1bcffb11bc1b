"""What was: the numbers of each page over time, on disk or in a database."""
