"""Isolated Python: code a model wrote runs where it can reach nothing and use up only what it was given."""
