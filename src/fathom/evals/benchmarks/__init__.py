"""Published question sets, by name."""
