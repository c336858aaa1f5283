"""Measurements anyone can repeat: `fathom bench NAME` prints one JSON object as its last line."""
