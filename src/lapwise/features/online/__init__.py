"""The online store: what is kept of an entity, and the vectors that are made of it."""
