"""What the service tells of itself: its log, its metrics, and traces where they are asked for."""
