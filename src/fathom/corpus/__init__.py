"""Corpora: documents in, frozen and searchable snapshots out."""
