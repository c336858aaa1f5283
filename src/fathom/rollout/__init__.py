"""Running agents: one run with its log, resume and replay."""
