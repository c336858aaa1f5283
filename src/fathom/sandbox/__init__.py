"""What stands between agents and everything outside: the gateway, the network, isolated code."""
