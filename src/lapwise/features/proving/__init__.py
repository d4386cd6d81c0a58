"""The proof that what was served is what the tables say, and the cause where it is not."""
