"""The one loop, and the context policies that make agents out of it."""
