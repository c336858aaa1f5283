"""Attempts to get out of a sandbox or to use it up: run in it to learn whether it holds."""
