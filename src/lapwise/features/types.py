"""The types of features, before anything is computed."""

from __future__ import annotations

import polars as pl

from lapwise.features.model import Aggregate

__all__ = ["feature_type"]


def feature_type(aggregate: Aggregate, column: pl.DataType | None) -> pl.DataType:
    """Return the type that an aggregate leaves with, offline and online.

    Args:
        aggregate: what is made.
        column: the type of the table's column that it reads; None for ``count``.

    >>> from lapwise.features.model import mean, sum
    >>> feature_type(mean("delay", within="1d"), pl.Int32())
    Float64
    >>> feature_type(sum("delay", within="1d"), pl.Int32())
    Int64
    """
    match aggregate.kind:
        case "count" | "distinct":
            return pl.Int64()
        case "mean" | "std" | "rate":
            return pl.Float64()
    if column is None:
        raise ValueError(f"a {aggregate.kind} has the type of a column")
    if aggregate.kind != "sum":
        return column
    whole = not column.is_float() and aggregate.quantum in (None, 1.0)
    return pl.Int64() if whole else pl.Float64()
