"""Serialised expressions of Polars, as trees of lists and mappings."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = ["expression", "holds", "variant"]


def variant(tree: Any) -> tuple[str, Any]:
    """Return the name and content of a Rust enum in JSON.

    >>> variant({"Column": "x"}), variant("Plus")
    (('Column', 'x'), ('Plus', None))
    """
    if isinstance(tree, dict) and len(tree) == 1:
        return next(iter(tree.items()))
    return (tree if isinstance(tree, str) else "an unknown form"), None


def holds(tree: Any, kind: str) -> bool:
    """Return whether a node of a kind is in a tree.

    >>> holds({"Cast": {"expr": {"Column": "x"}}}, "Column")
    True
    """
    if isinstance(tree, dict):
        return kind in tree or any(holds(one, kind) for one in tree.values())
    return isinstance(tree, list) and any(holds(one, kind) for one in tree)


def expression(tree: Any) -> pl.Expr:
    """Return the expression that a tree is."""
    import polars as pl

    return pl.Expr.deserialize(io.StringIO(json.dumps(tree)), format="json")
