"""From events to histories to vectors, and the online state."""
