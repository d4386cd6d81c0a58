"""Which row of a key is in force, and until when: late known rows correct earlier ones."""

from __future__ import annotations

import numpy as np
import polars as pl

from lapwise.features.kernel import Int64

__all__ = ["FOREVER", "ascends", "hash_of", "repeated", "visible_from", "with_until"]

FOREVER = np.iinfo(np.int64).max


def repeated(hashes: pl.Series) -> pl.Series:
    """Return the hashes that occur more than once, each once."""
    ordered = np.sort(hashes.to_numpy())
    return pl.Series(hashes.name, np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))


def with_until(rows: pl.DataFrame, key: list[str], ties: list[pl.Expr]) -> pl.DataFrame:
    """Add ``__until``, the last moment of an example that sees the row, and drop rows never seen.

    Rows of one key are ordered by (known, event, ``ties``), nulls first; a row is replaced from
    the moment at which the next is known, at the same moment included. Of rows that are equal in
    all of it, any one stays.

    Args:
        rows: rows with the key's columns, ``__known`` and ``__event``.
        key: the columns of the key.
        ties: what decides between rows of equal key, known and event.
    """
    if len(key) == 1 and ascends(rows[key[0]]):
        return rows.with_columns(__until=pl.lit(FOREVER))
    again = repeated(rows.select(hash_of(key)).to_series())
    if again.is_empty():
        return rows.with_columns(__until=pl.lit(FOREVER))
    corrected = hash_of(key).is_in(again.implode())
    alone = rows.filter(~corrected).with_columns(__until=pl.lit(FOREVER))
    chains = rows.filter(corrected).sort(*key, "__known", "__event", *ties)
    same_key = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in key)
    until = pl.when(same_key).then(pl.col("__known").shift(-1)).otherwise(FOREVER)
    live = chains.with_columns(__until=until).filter(pl.col("__until") > pl.col("__known"))
    return pl.concat([alone, live])


def ascends(key: pl.Series) -> bool:
    """Return whether whole numbers grow from row to row, as serial numbers do: then none repeats."""
    if not key.dtype.is_integer() or key.is_empty():
        return False
    before: int | None = None
    for chunk in key.get_chunks():  # piece by piece: no copy in one piece
        numbers = chunk.to_numpy()
        if before is not None and len(numbers) and not numbers[0] > before:
            return False
        if not (numbers[1:] > numbers[:-1]).all():
            return False
        before = numbers[-1] if len(numbers) else before
    return True


def hash_of(columns: list[str]) -> pl.Expr:
    """Return a hash of columns, equal for equal values in every process with this release of Polars."""
    combined = pl.col(columns[0]).hash()
    for place, name in enumerate(columns[1:], start=1):
        combined = combined ^ pl.col(name).hash(seed=place)
    return combined


def visible_from(event: Int64, known: Int64) -> Int64:
    """Return the first moment of an example that sees the row: after known, not before event."""
    return np.maximum(event, known + 1)
