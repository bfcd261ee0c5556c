"""Which lines come back, and why."""
