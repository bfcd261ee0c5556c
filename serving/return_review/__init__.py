"""Return review: a fair, explained answer to a return claim, kept on record."""
