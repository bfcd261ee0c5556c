"""Champions that come and go while the service runs: copies, tests before traffic, shadows."""
