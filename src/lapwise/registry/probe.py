"""Rows that try a model: those it was validated on, and those that go wrong in practice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["hard_cases", "read_probe", "spread", "spread_indices", "write_probe"]

_ROWS = 32
_SCORE = "score "
_EXTREME = 1e9


def hard_cases(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield named variants of normalised rows, each small.

    Each number missing; all missing; each number at zero, at plus and minus 1e9, and ten spreads
    outside its range; each text unseen, empty, in another case, with blanks, cut by NUL, beyond
    ASCII.
    """
    import polars as pl

    few = spread(rows, _ROWS)
    numbers = [name for name, dtype in rows.schema.items() if dtype == pl.Float32]
    texts = [name for name in rows.columns if name not in numbers]
    for name in numbers:
        yield f"'{name}' missing", few.with_columns(_number(float("nan")).alias(name))
        known = rows[name].drop_nans()
        low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
        reach = 10 * (float(high) - float(low))  # type: ignore[arg-type]
        cases = [0.0, _EXTREME, -_EXTREME, float(low) - reach, float(high) + reach]  # type: ignore[arg-type]
        yield (
            f"'{name}' extreme",
            pl.concat([few.head(4).with_columns(_number(case).alias(name)) for case in cases]),
        )
    if numbers:
        yield (
            "every number missing",
            few.with_columns(_number(float("nan")).alias(n) for n in numbers),
        )
    for name in texts:
        column = pl.col(name)
        yield f"'{name}' unseen", few.with_columns(pl.lit("never seen before").alias(name))
        yield f"'{name}' empty", few.with_columns(pl.lit("").alias(name))
        changed = [
            column.str.to_lowercase(),
            column.str.to_uppercase(),
            column + " ",
            " " + column,
            column + "\x00",
            column + "\x00more",
            column + "é漢🛫",
        ]
        yield (
            f"'{name}' altered",
            pl.concat([few.head(4).with_columns(case.alias(name)) for case in changed]),
        )


def spread(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return at most ``count`` rows, evenly spread over all of them."""
    return rows if len(rows) <= count else rows[spread_indices(len(rows), count)]


def spread_indices(length: int, count: int) -> list[int]:
    """Return at most ``count`` indices, evenly spread over ``length``.

    >>> spread_indices(10, 4)
    [0, 2, 5, 7]
    """
    few = min(length, count)
    return [index * length // few for index in range(few)]


def write_probe(inputs: pl.DataFrame, scores: object) -> bytes:
    """Return probe rows with the scores that the native model gave for them, as Parquet.

    Args:
        inputs: normalised rows.
        scores: (rows,) or (rows, classes), float64.
    """
    import numpy as np
    import polars as pl

    matrix = np.asarray(scores).reshape(len(inputs), -1)
    expected = [pl.Series(f"{_SCORE}{index}", matrix[:, index]) for index in range(matrix.shape[1])]
    target = io.BytesIO()
    inputs.with_columns(expected).write_parquet(target, compression="zstd")
    return target.getvalue()


def read_probe(content: bytes) -> tuple[pl.DataFrame, object]:
    """Return what :func:`write_probe` was given."""
    import polars as pl

    frame = pl.read_parquet(content)
    scores = [name for name in frame.columns if name.startswith(_SCORE)]
    matrix = frame.select(scores).to_numpy()
    return frame.drop(scores), matrix[:, 0] if len(scores) == 1 else matrix


def _number(value: float) -> pl.Expr:
    import polars as pl

    return pl.lit(value, dtype=pl.Float32)
