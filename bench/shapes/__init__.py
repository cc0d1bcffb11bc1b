"""The shapes that sites have, each a module: what a join, a delivery and a connection cost in them."""
