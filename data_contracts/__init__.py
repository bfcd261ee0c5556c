"""What a table must be before anything reads it: declarations, readers, validation."""
