"""Conversations as token ids and back."""
