"""Language models behind one protocol, and the one parser from text to tool calls."""
