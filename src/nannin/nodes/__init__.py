"""Nodes: how several processes come to one count, and hear of each other."""
