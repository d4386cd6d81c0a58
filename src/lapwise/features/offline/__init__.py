"""The point-in-time join: rows laid along the examples that see them, whole or in partitions."""
