"""Rows of tokens, how they are made of trajectories and texts, and how they are batched."""
