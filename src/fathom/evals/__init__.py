"""Measuring agents: question sets, rounds, intervals."""
