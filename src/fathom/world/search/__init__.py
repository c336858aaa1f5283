"""Search engines: one protocol, one module for each way of asking."""
