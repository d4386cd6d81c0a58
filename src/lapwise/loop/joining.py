"""Features of examples in a notebook: no project, no store, no page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lapwise.core.errors import DataError, DeclarationError, FeatureError
from lapwise.store.nearest import nearest

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.declaration import Table
    from lapwise.features import FeatureView, OnDemand

__all__ = ["point_in_time"]

AnyFrame: TypeAlias = Any
"""A Polars frame or lazy frame, a pandas frame, or an Arrow table."""


def point_in_time(
    examples: AnyFrame,
    features: FeatureView | OnDemand | Sequence[FeatureView | OnDemand],
    *,
    time: str | None = None,
    tables: Mapping[str, AnyFrame] | None = None,
    known: bool = False,
    memory: int | None = None,
    workers: int = 1,
    root: Path | str = ".",
) -> pl.DataFrame:
    """Add features to examples, each as of its own time: what was known before it, and nothing else.

    Views' tables are read from their files, or made by their build functions, as a lap would read
    them; nothing is kept. Rows and columns of the examples, and their order, stay.

    Args:
        examples: a row an example, with its time and the columns that views and functions name:
            Polars (lazy frames are collected), pandas (without its index) or Arrow.
        features: views and on-demand functions; their features are added in this order.
        time: the column of prediction times; may be left out where one column alone is a datetime.
        tables: rows to take instead of a table's files, by its name; all of them, corrections too.
        known: add for each view ``<view>__known``, the latest known time (microseconds) of a row
            that it showed.
        memory: bytes that the rows of a view and the work on them may take; a view that needs more
            is computed in partitions, one after the other. Default: 4 GiB.
        workers: work on so many partitions at a time, in processes that share ``memory``.
        root: the folder that the tables' sources are relative to; default: the working directory.

    Raises:
        DeclarationError: something given is of no use here; the error says what is.
        DataError: a table cannot be read, or its rows are not as declared.
        FeatureError: a column is missing or of a wrong type, or a time is null.

    >>> from datetime import datetime
    >>> import polars as pl
    >>> import lapwise as lw
    >>> flights = lw.Table("flights", "flights.parquet", key="id", event="landed")
    >>> plane = lw.FeatureView("plane", flights, by="tail", features={"n": lw.count(within="1d")})
    >>> rows = pl.DataFrame({"id": [1, 2], "tail": ["N1", "N1"],
    ...     "landed": [datetime(2013, 1, 1, 8), datetime(2013, 1, 1, 9)]})
    >>> examples = pl.DataFrame({"tail": ["N1", "N1"],
    ...     "at": [datetime(2013, 1, 1, 9), datetime(2013, 1, 1, 10)]})
    >>> lw.point_in_time(examples, [plane], tables={"flights": rows})["n"].to_list()
    [1, 2]
    """
    from lapwise.features import FeatureView, OnDemand, compute
    from lapwise.features.offline.join import MEMORY
    from lapwise.loop.pool import ProcessPool

    asked = [features] if isinstance(features, FeatureView | OnDemand) else list(features)
    for one in asked:
        if not isinstance(one, FeatureView | OnDemand):
            raise DeclarationError(
                "this is no feature view and no on-demand function",
                value=one,
                expected="lw.FeatureView(...), or a function under @lw.on_demand",
            )
    if not asked:
        raise DeclarationError(
            "no features were asked for", expected="lw.point_in_time(examples, [view, ...])"
        )
    frame = _collected(_frame(examples, "the examples"))
    views = [one for one in asked if isinstance(one, FeatureView)]
    at = time or _time_of(frame, views)
    with ExitStack() as stack:
        read = _tables(views, tables or {}, Path(root), stack)
        return compute(
            frame,
            asked,
            time=at,
            tables=read,
            memory=MEMORY if memory is None else memory,
            known=known,
            executor=stack.enter_context(ProcessPool(workers)) if workers != 1 else None,
        )


def _tables(
    views: Sequence[FeatureView], given: Mapping[str, AnyFrame], root: Path, stack: ExitStack
) -> dict[str, pl.LazyFrame]:
    """Return the rows of each table that views read: those given, else those of its files."""
    from lapwise.data.files import open_files
    from lapwise.data.instants import in_utc

    declared: dict[str, Table] = {}
    for view in views:
        if declared.setdefault(view.table.name, view.table) != view.table:
            raise DeclarationError("two different tables have one name", value=view.table.name)
    for name in given:
        if name not in declared:
            raise DeclarationError(
                "no view reads a table of this name",
                value=name,
                expected=nearest(name, list(declared)),
                fix="name the rows after the table: tables={table.name: rows}",
            )
    read: dict[str, pl.LazyFrame] = {}
    for name, table in declared.items():
        if name in given:
            read[name] = in_utc(_frame(given[name], f"table '{name}'").lazy())
            continue
        try:
            read[name] = stack.enter_context(open_files(table, root=root))
        except DataError as error:
            error.add_note(f"or give its rows: tables={{{name!r}: rows}}")
            raise
    return read


def _frame(given: AnyFrame, what: str) -> pl.DataFrame | pl.LazyFrame:
    import polars as pl

    if isinstance(given, pl.DataFrame | pl.LazyFrame):
        return given
    family = type(given).__module__.partition(".")[0]
    if hasattr(given, "columns"):  # a column alone is none
        if family == "pandas":
            return pl.from_pandas(given)
        if hasattr(given, "__arrow_c_stream__"):
            return pl.DataFrame(given)
    raise DeclarationError(
        f"{what} must be a frame",
        value=type(given).__name__,
        expected="a Polars or pandas frame, or an Arrow table",
        fix="pl.DataFrame(rows), or pl.read_parquet(path)",
    )


def _collected(frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    import polars as pl

    return frame.collect() if isinstance(frame, pl.LazyFrame) else frame


def _time_of(frame: pl.DataFrame, views: Sequence[FeatureView]) -> str:
    """Return the one column that can be the examples' time."""
    import polars as pl

    found = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    if len(found) == 1:
        return found[0]
    if not views and frame.width:
        return frame.columns[0]  # on-demand functions ask for no time
    if found:
        raise FeatureError(
            "which column is the examples' time is not clear",
            value=", ".join(found),
            expected="the name of one of them",
            fix=f'time="{found[0]}"',
        )
    raise FeatureError(
        "no column of the examples is a datetime",
        value=", ".join(f"{name} ({dtype})" for name, dtype in frame.schema.items())[:160],
        expected="one column of type Datetime, or time= with the name of a date",
        fix='cast it: pl.col("at").str.to_datetime(time_zone="UTC")',
    )
