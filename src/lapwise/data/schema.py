"""The columns of a table's files: the same in each, with the declared ones usable."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.errors import DataError
from lapwise.core.model import Column
from lapwise.data.collect import Content
from lapwise.data.instants import in_utc, require_instant
from lapwise.data.read import key_text, require

__all__ = ["check_rows", "columns_of", "read_schema"]


def read_schema(table: Table, contents: Sequence[Content]) -> tuple[pl.Schema, list[int]]:
    """Return the columns that all files share, and the rows of each file, from their footers.

    Raises:
        DataError: a file is not Parquet, files differ in columns or types, a declared column is
            missing, a time is not a datetime with a zone, or there is no row at all.
    """
    first: pl.Schema | None = None
    rows = []
    for content in contents:
        try:
            frame = pl.scan_parquet(content.path, glob=False)
            schema = frame.collect_schema()
            rows.append(int(frame.select(pl.len()).collect().item()))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(
                f"a file of table '{table.name}' is not readable Parquet",
                value=content.name,
                expected=f"a whole Parquet file ({str(error).splitlines()[0][:120]})",
                fix="collect it again, or remove it",
            ) from error
        if first is None:
            first = schema
        elif schema != first:
            raise _mixed(table, contents[0].name, first, content.name, schema)
    if first is None or not sum(rows):
        raise DataError(
            f"table '{table.name}' has no rows",
            value=contents[0].name if contents else table.name,
            expected="at least one row",
            fix="collect it again, or correct the source",
        )
    patterns = [name for name in first if name == "*" or (name[:1], name[-1:]) == ("^", "$")]
    if patterns:
        raise DataError(
            f"table '{table.name}' has columns whose names Polars takes for patterns",
            value=patterns,
            expected="names other than '*', and not both '^' first and '$' last",
            fix="rename them in the table's build function",
        )
    require(first, (*table.keys, table.event, table.known), f"table '{table.name}'")
    require_instant(table.name, "event", table.event, first[table.event])
    require_instant(table.name, "known", table.known, first[table.known])
    return first, rows


def columns_of(frame: pl.LazyFrame) -> tuple[Column, ...]:
    """Return a frame's columns as records, as :func:`lapwise.data.read.scan` gives them."""
    schema = in_utc(frame).collect_schema()
    return tuple(Column(name=name, dtype=str(dtype)) for name, dtype in schema.items())


def check_rows(table: Table, frame: pl.LazyFrame) -> None:
    """Check that keys and times are never null and that no two different rows claim one place.

    Raises:
        DataError: with the number of rows, and for doubles at most five keys.
    """
    place = tuple(dict.fromkeys((*table.keys, table.event, table.known)))
    counts = frame.select(
        *(pl.col(name).null_count().alias(name) for name in place),
    ).collect()
    nulls = {name: int(counts[name][0]) for name in place if counts[name][0]}
    if nulls:
        raise DataError(
            f"table '{table.name}' has nulls where a row says what it is, or when",
            value=nulls,
            expected="a value in each row of the key, event and known columns",
            fix="drop or fill these rows in the table's build function",
        )
    twice = frame.select(place).group_by(place).len().filter(pl.col("len") > 1)
    if twice.select(pl.len()).collect().item() == 0:
        return
    inside = frame.join(twice.select(place), on=place, how="semi", nulls_equal=True)
    differing = (
        inside.group_by(place, maintain_order=True)
        .agg(pl.struct(pl.all()).n_unique().alias("__lapwise_versions"))
        .filter(pl.col("__lapwise_versions") > 1)
        .collect()
    )
    if differing.height:
        raise DataError(
            f"table '{table.name}' says different things of {differing.height} keys at the same"
            " known and event time",
            value=list(key_text(differing, table.keys)),
            expected="a correction with a later known time",
            fix="choose one of the rows in the table's build function, or add to the key",
        )


def _mixed(
    table: Table, name: str, schema: pl.Schema, other: str, differing: pl.Schema
) -> DataError:
    parts = [f"no {column}" for column in schema if column not in differing]
    parts += [f"also {column}" for column in differing if column not in schema]
    parts += [
        f"{column} is {differing[column]}, not {dtype}"
        for column, dtype in schema.items()
        if column in differing and differing[column] != dtype
    ]
    return DataError(
        f"the files of table '{table.name}' have different columns",
        value=f"{other}: {'; '.join(parts[:5]) or 'another order'}",
        expected=f"the columns and types of {name}",
        fix="write all files alike, or bring them together in the table's build function",
    )
