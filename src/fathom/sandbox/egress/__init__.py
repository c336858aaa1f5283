"""What leaves this machine: which addresses may be contacted, and requests with hard limits."""
