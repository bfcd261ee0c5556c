"""Live events: what happens in the shop, folded into the state as it is told."""
