"""Everything that a function reaches, as named digests."""
