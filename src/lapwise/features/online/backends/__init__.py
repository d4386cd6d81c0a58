"""Places that keep the online store's bytes: LMDB beside the project, or Redis."""
