"""Complete configurations, and the only place that wires implementations together."""
