"""Search services, one module each: what they are asked and how their replies are read."""
