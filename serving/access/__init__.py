"""Who may ask, how often, and from which web pages: keys, scopes, limits and headers."""
