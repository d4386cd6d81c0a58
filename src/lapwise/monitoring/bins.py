"""Frozen bins: where a value of a column falls, decided once from the reference and never again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import inf, nextafter
from typing import TYPE_CHECKING, Any, Literal

from lapwise.core.model import Record

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["Bins", "freeze_bins", "place"]

MISSING = 0
"""The bin of what is not there: null, NaN, infinite, empty text."""


class Bins(Record, frozen=True, kw_only=True):
    """The bins of one column; bin 0 is always for missing values.

    Numbers: bin 1 is below all of the reference, the last above all of it, and between them
    ``edges[i] <= value < edges[i + 1]``. Text: one bin a category, and the last for all others.

    >>> Bins(name="hour", kind="number", edges=(0.0, 12.0, 24.0)).size
    5
    """

    name: str
    kind: Literal["number", "text"]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of bins."""
        return (len(self.edges) if self.kind == "number" else len(self.categories)) + 2


def freeze_bins(column: pl.Series, most: int, *, share: float = 0.0) -> Bins:
    """Return bins of about equal counts for numbers, of the most frequent categories for text.

    Args:
        column: the reference's values.
        most: at most so many bins beside those for missing, below and above (or others).
        share: a category needs at least this share of the rows to have a bin of its own.
    """
    import numpy as np
    import polars as pl

    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        present = column.alias("value").cast(pl.String).replace("", None).drop_nulls()
        counts = present.value_counts(name="rows").sort(["rows", "value"], descending=[True, False])
        enough = counts.filter(pl.col("rows") >= share * present.len()).head(most)
        return Bins(name=column.name, kind="text", categories=tuple(enough["value"]))
    values = _numbers(column)
    values = values[np.isfinite(values)]
    if not len(values):
        return Bins(name=column.name, kind="number")
    values.sort()
    places = np.linspace(0, len(values) - 1, most + 1)
    edges = values[places.astype(np.int64)]
    few = values[np.flatnonzero(np.diff(values, prepend=-np.inf) > 0)[: most + 1]]
    # A few distinct values are a bin each; of many, quantiles.
    inner = few if len(few) <= most else np.unique(edges[:-1])
    above = min(nextafter(float(values[-1]), inf), sys.float_info.max)
    return Bins(name=column.name, kind="number", edges=(*inner.tolist(), above))


def place(bins: Bins, values: Sequence[Any] | pl.Series) -> NDArray[np.int64]:
    """Return the bin of each value; never fails: what is not of the column's kind is missing."""
    import numpy as np

    if bins.kind == "text":
        codes = {category: code for code, category in enumerate(bins.categories, start=1)}
        codes |= {"": MISSING}
        other = len(bins.categories) + 1
        return np.fromiter(
            (MISSING if value is None else codes.get(value, other) for value in map(_text, values)),
            dtype=np.int64,
            count=len(values),
        )
    numbers = _numbers(values)
    found = np.searchsorted(np.asarray(bins.edges, dtype=np.float64), numbers, side="right") + 1
    return np.where(np.isfinite(numbers), found, MISSING)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _numbers(values: Sequence[Any] | pl.Series) -> NDArray[np.float64]:
    import numpy as np
    import polars as pl

    if isinstance(values, pl.Series):
        if values.dtype.is_temporal():
            values = values.to_physical()
        return values.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        # One value of another kind must not spoil the rest of the day.
        return np.fromiter(map(_number, values), dtype=np.float64, count=len(values))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
