"""Principals and records of two products, for tests of who may do what."""

from __future__ import annotations

from lapwise.core.access import Grant, Principal, Role


def principal(role: Role, product: str = "*", *, name: str = "anna") -> Principal:
    """Return somebody with one role."""
    return Principal(name=name, grants=(Grant(role=role, product=product),))
