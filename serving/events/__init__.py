"""Live events: what the shop tells of, checked by the contracts, on disk before it is answered."""
