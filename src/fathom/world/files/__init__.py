"""The user's files of a run: a world of its own beside the one that is searched."""
