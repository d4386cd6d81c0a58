"""Build examples: what is predicted, when, with which inputs, and the truth as far as known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.declaration import Table
from lapwise.core.duration import format_duration, parse_duration
from lapwise.core.errors import DataError, DeclarationError
from lapwise.core.model import DatasetVersion
from lapwise.data.instants import require_instant
from lapwise.data.labels import join_labels
from lapwise.data.model import RESERVED, Examples, Label
from lapwise.data.read import corrected, instant, key_text, require, scan
from lapwise.store.model import Store

__all__ = ["Examples", "Label", "build_examples", "count_late"]


def build_examples(
    examples: Examples,
    versions: Mapping[str, DatasetVersion],
    store: Store,
    *,
    as_of: int,
    since: int | None = None,
    carry: Iterable[str] = (),
) -> pl.DataFrame:
    """Return one row an example that was predicted before ``as_of``, sorted by time and row.

    An example is its row as it was known when it was first predicted: of the rows with one key, the
    first whose time came before the next correction was known. A row that was known only after its
    own time could not be predicted, and is not an example (:func:`count_late`). Known at its time
    is soon enough: the row is what the request carries; features look strictly before it.

    The label comes from the newest row of the label's table with ``known < as_of``, if it happened
    (event time) at most ``within`` after the prediction. It is null if it is not known yet, or
    never will be.

    Args:
        examples: the declaration.
        versions: by table name, those of the examples' and the label's table.
        store: where their blobs are.
        as_of: microseconds UTC, exclusive, for times and for what is known.
        since: microseconds UTC; examples predicted earlier are left out, the others are as without
            it. Default: none is.
        carry: more columns of the examples' table to bring along, for splits and slices.

    Returns:
        Columns: the row's name; ``time`` (UTC microseconds), ``unit``, ``block`` (integer days or
        what ``block`` says, or a column's value), ``label``, ``label_known``, ``label_event``
        (UTC microseconds), then inputs and carried columns.

    Raises:
        DataError: a column is missing, row names are null or repeat, a label was known before its
            prediction, or there is no example.
        StepError: the label's expression raised.
    """
    more = _more_columns(examples, carry)
    predicted, late = _predicted(examples, versions, store, as_of, more)
    if predicted.is_empty():
        raise DataError(
            f"table '{examples.table.name}' has no example before {format_time(as_of)}",
            value=f"{late:,} keys that were known only after '{examples.time}'",
            expected=f"rows with known <= {examples.time} < the lap's time",
            fix="choose a later --as-of, or correct the known or the prediction time",
        )
    _require_unique(examples, predicted)
    if since is not None:
        predicted = predicted.filter(pl.col(examples.time) >= instant(since))
    frame = predicted.select(
        pl.col(examples.row),
        pl.col(examples.time).alias("time"),
        pl.col(examples.unit or examples.row).alias("unit"),
        _block(examples).alias("block"),
        *(pl.col(name).alias(f"__on_{at}") for at, name in enumerate(examples.label.columns)),
        *(pl.col(name) for name in more),
    )
    labels = _version(versions, examples.label.table)
    frame = join_labels(frame, examples.label, labels, store, as_of=as_of)
    first = (examples.row, "time", "unit", "block", "label", "label_known", "label_event")
    return frame.select(*first, *more).sort("time", examples.row)


def count_late(
    examples: Examples, versions: Mapping[str, DatasetVersion], store: Store, *, as_of: int
) -> int:
    """Return how many keys have a time before ``as_of`` and no row that was known in time.

    Raises:
        DataError: as :func:`build_examples`.
    """
    return _predicted(examples, versions, store, as_of, ())[1]


def _more_columns(examples: Examples, carry: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys((*examples.inputs, *carry))
    return tuple(name for name in names if name != examples.row and name not in RESERVED)


def _version(versions: Mapping[str, DatasetVersion], table: Table) -> DatasetVersion:
    if table.name not in versions:
        raise DataError(
            "no dataset version was given for a table that the examples need",
            value=table.name,
            expected=f"one of {', '.join(sorted(versions)) or '(none)'}",
            fix=f"lapwise data snapshot {table.name}",
        )
    return versions[table.name]


def _predicted(
    examples: Examples,
    versions: Mapping[str, DatasetVersion],
    store: Store,
    as_of: int,
    more: tuple[str, ...],
) -> tuple[pl.DataFrame, int]:
    """Return the rows that were predicted before ``as_of``, and how many keys were too late."""
    version = _version(versions, examples.table)
    frame = scan(version, store)
    name = f"table '{version.table}'"
    asked = (examples.row, examples.time, *examples.label.columns, *more)
    asked += tuple(filter(None, (examples.unit, _block_column(examples))))
    schema = frame.collect_schema()
    require(schema, asked, name)
    require_instant(version.table, "prediction", examples.time, schema[examples.time])
    order = tuple(dict.fromkeys((*version.key, version.known, version.event)))
    rows = frame.select(*dict.fromkeys((*order, *asked))).collect()
    nulls = rows[examples.time].null_count()
    if nulls:
        raise DataError(
            f"{name} has {nulls:,} rows without a prediction time",
            value=examples.time,
            expected="an instant in each row",
            fix="drop or fill these rows in the table's build function",
        )
    key, past = list(version.key), pl.col(examples.time) < instant(as_of)
    if corrected(rows.lazy(), version.key):
        standing = _standing(rows.sort(order, maintain_order=True), version, examples.time)
    else:
        standing = rows.filter(pl.col(version.known) <= pl.col(examples.time))
    late = rows.filter(past).select(key).unique().join(standing, on=key, how="anti")
    return standing.filter(past), late.height


def _standing(rows: pl.DataFrame, version: DatasetVersion, time: str) -> pl.DataFrame:
    """Return for each key the row that stood when its time came first; rows are sorted by key."""
    key, known = pl.struct(version.key), pl.col(version.known)
    superseded = pl.when(key == key.shift(-1)).then(known.shift(-1))
    return rows.filter(
        (superseded.is_null() | (superseded >= pl.col(time))) & (known <= pl.col(time))
    ).unique(version.key, keep="first", maintain_order=True)


def _require_unique(examples: Examples, frame: pl.DataFrame) -> None:
    nulls = frame[examples.row].null_count()
    twice = frame.filter(pl.col(examples.row).is_duplicated())
    if not nulls and twice.is_empty():
        return
    raise DataError(
        f"'{examples.row}' does not name one example: {nulls:,} rows have none, {twice.height:,}"
        " share theirs",
        value=list(key_text(twice.unique(examples.row).sort(examples.row), (examples.row,))),
        expected=f"a value of its own in each row of table '{examples.table.name}'",
        fix="correct row= or the table's key",
    )


def _block_column(examples: Examples) -> str | None:
    try:
        parse_duration(examples.block)
    except DeclarationError:
        return examples.block
    return None


def _block(examples: Examples) -> pl.Expr:
    column = _block_column(examples)
    if column is not None:
        return pl.col(column)
    width = parse_duration(examples.block)
    if width <= 0:
        raise DeclarationError(
            "a block of time must last", value=format_duration(width), expected='block="1d"'
        )
    return pl.col(examples.time).to_physical() // width
