"""Worlds: what can be searched and opened. Agents cannot tell which one they are in."""
