"""Readers: files in, documents out, and a clear line for whatever cannot be read."""
