"""Readers: from an address to a page, by this machine or by a service."""
