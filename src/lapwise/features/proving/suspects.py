"""Asks of one entity's rows: which of them, left out or otherwise, would give what was served?

Each supposition is a history of its own. All of them are joined at once, under an entity that is the
number of the supposition, by the same code that makes every frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.duration import format_duration
from lapwise.core.errors import FeatureError
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import point_in_time
from lapwise.features.rows import microseconds

__all__ = ["Request", "Suspect", "entity_rows", "suppose"]

_ZONED = pl.Datetime("us", "UTC")
_NUMBER = "__lapwise_supposition"
_ROW = "__lapwise_row"
_PLACE: dict[str, Any] = {_NUMBER: pl.Int64, _ROW: pl.Int64}


@dataclass(frozen=True, slots=True)
class Request:
    """One vector that was served: the entity's columns (one row), and as of when."""

    view: FeatureView
    entity: pl.DataFrame
    at: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A supposition: some rows were not there, or one had another value, or it was asked later.

    ``column`` of the row at ``place`` was ``value``; of its event, the column is ``__event``.
    """

    missing: tuple[int, ...] = ()
    place: int = -1
    column: str = ""
    value: Any = None
    later: int = 0


def entity_rows(request: Request, table: pl.LazyFrame) -> pl.DataFrame:
    """Return the rows of all keys of which a row is the entity's, known by the request, newest last.

    Columns: those the view reads, and ``__known`` and ``__event`` in microseconds.
    """
    view, schema = request.view, table.collect_schema()
    where = f"view '{view.name}'"
    key = list(view.table.key)
    columns = dict.fromkeys((*key, *view.by, *view.columns))
    chosen = table.select(
        *columns,
        microseconds(view.table.known, schema, where).alias("__known"),
        microseconds(view.table.event, schema, where).alias("__event"),
    ).filter(pl.col("__known").is_not_null())
    mine = pl.all_horizontal(
        _text(pl.col(name), schema[name]).eq(pl.lit(request.entity[name][0])) for name in view.by
    )
    oldest = request.at - view.widest - getattr(view, "grain", 1)
    keys = chosen.filter(mine & (pl.col("__event") >= oldest)).select(key).unique()
    rows = chosen.join(keys, on=key, how="semi").collect(engine="streaming")
    return rows.sort("__known", "__event", *key, maintain_order=True)


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return column.cast(pl.String) if isinstance(dtype, pl.Categorical | pl.Enum) else column


def suppose(
    request: Request, rows: pl.DataFrame, suspects: Sequence[Suspect]
) -> pl.DataFrame | None:
    """Return the view's features as each supposition gives them; None if a number does not fit.

    Args:
        request: what was asked.
        rows: as :func:`entity_rows` gives them.
        suspects: suppositions over places in ``rows``.
    """
    view = request.view
    many = pl.DataFrame({_NUMBER: pl.int_range(len(suspects), eager=True)})
    laid = many.join(rows.with_columns(pl.int_range(pl.len()).alias(_ROW)), how="cross")
    missing = [(at, place) for at, one in enumerate(suspects) for place in one.missing]
    gone = pl.DataFrame(missing, schema=_PLACE, orient="row", infer_schema_length=None)
    laid = laid.join(gone, on=[_NUMBER, _ROW], how="anti")
    for column, dtype in rows.schema.items():
        those = [at for at, one in enumerate(suspects) if one.column == column]
        if those:
            told = pl.DataFrame(
                {
                    _NUMBER: those,
                    _ROW: [suspects[at].place for at in those],
                    # A value that the type cannot hold changes nothing, and explains nothing.
                    "__told": pl.Series(
                        [suspects[at].value for at in those], dtype=dtype, strict=False
                    ),
                }
            )
            laid = (
                laid.join(told, on=[_NUMBER, _ROW], how="left")
                .with_columns(pl.coalesce("__told", column).alias(column))
                .drop("__told")
            )
    table = Table(
        view.table.name,
        "suppositions",
        key=(*view.table.key, _NUMBER),
        event="__event",
        known="__known",
    )
    twin = FeatureView(
        view.name,
        table,
        by=(*view.by, _NUMBER),
        features=dict(view.features),
        grain=format_duration(view.grain),
    )
    asked = many.join(request.entity.select(view.by), how="cross").with_columns(
        __at=pl.Series([request.at + one.later for one in suspects], dtype=pl.Int64).cast(_ZONED)
    )
    history = laid.with_columns(pl.col("__known", "__event").cast(_ZONED))
    try:
        return point_in_time(
            asked, [twin], time="__at", tables={table.name: history.lazy()}
        ).select(view.names)
    except FeatureError:
        return None
