"""What the service is measured with: shops, recorded work, the others, and load."""
