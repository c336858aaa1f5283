"""What an agent can do: tools with published schemas over a world."""
