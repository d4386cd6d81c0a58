"""Assign rows to parts by a hash that is the same in every process and version."""

from __future__ import annotations

from collections.abc import Iterable

import blake3
import numpy as np
import polars as pl

from lapwise.core.errors import DataError
from lapwise.core.model import Split
from lapwise.data.read import require
from lapwise.data.splits.assignment import freeze
from lapwise.store.model import Store

__all__ = ["assign_by_hash", "parts_of"]

_ORDER = ("test", "validation", "train")


def parts_of(names: Iterable[str], salt: str, validation: float, test: float) -> list[str]:
    """Return the part of each name: uniform in the first 64 bits of BLAKE3 of salt and name.

    Test comes first, so that another share of validation moves no row into or out of test.

    >>> parts_of(["N14228", "N619AA"], "flight-delay", 0.15, 0.15)
    ['validation', 'train']
    """
    prefix = f"{len(salt)}:{salt}"
    hashes = b"".join(blake3.blake3(f"{prefix}{name}".encode()).digest(length=8) for name in names)
    shares = np.frombuffer(hashes, dtype=">u8") / 2.0**64
    at = np.searchsorted([test, test + validation], shares, side="right")
    return [_ORDER[index] for index in at]


def assign_by_hash(
    examples: pl.DataFrame,
    store: Store,
    *,
    kind: str,
    by: tuple[str, ...],
    row: str,
    salt: str,
    shares: tuple[float, float],
    previous: Split | None,
) -> Split:
    """Return the frozen split in which rows with equal ``by`` are in one part.

    Raises:
        DataError: a column is missing or has no stable text, a part is empty, or a row moves.
    """
    require(examples.schema, by, f"the examples, which are split by {kind},")
    # Each value with its length before it, so that ("ab", "c") is not ("a", "bc"); null is "-".
    texts = [_text(name, examples.schema[name]) for name in by]
    named = examples.select(
        pl.col(row).alias("row"),
        pl.col("time"),
        pl.col("label").is_not_null().alias("labelled"),
        pl.concat_str(
            [
                pl.coalesce(pl.format("{}:{}", text.str.len_bytes(), text), pl.lit("-"))
                for text in texts
            ]
        ).alias("name"),
    )
    groups = named.select(pl.col("name").unique(maintain_order=True))
    parts = parts_of(groups["name"], salt, *shares)
    groups = groups.with_columns(pl.Series("part", parts, dtype=pl.String))
    parted = named.join(groups, on="name", how="left", maintain_order="left")
    return freeze(parted, store, kind=kind, by=by, salt=salt, previous=previous)


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column as text that does not depend on a library's way to print it."""
    column = pl.col(name)
    if dtype.is_integer() or dtype in (pl.String, pl.Boolean):
        return column.cast(pl.String)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if dtype.is_temporal():
        return column.to_physical().cast(pl.String)
    raise DataError(
        "examples cannot be split by a column of this type",
        value=f"{name}: {dtype}",
        expected="a text, an integer, true or false, a date or a time",
        fix="cast it in the table's build function",
    )
