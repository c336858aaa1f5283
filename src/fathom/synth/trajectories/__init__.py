"""Trajectories to learn from: an oracle's and those that survive rejection sampling, and samples made of them."""
