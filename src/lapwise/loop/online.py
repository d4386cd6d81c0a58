"""Online features of a page: what is there, brought up to now, pushed to, looked up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.errors import DataError, DeclarationError, FeatureError, NotFoundError
from lapwise.core.model import Column, Record
from lapwise.data import scan
from lapwise.data.instants import in_utc
from lapwise.features import OnlineLookup, OnlineStore, definition_digest
from lapwise.loop.tables import take_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lapwise.data import Table
    from lapwise.features import Pushed
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = ["ListedView", "list_views", "look_up", "materialize_online", "push_file"]


class ListedView(Record, frozen=True, kw_only=True):
    """A view of the page; ``until`` is the world's time up to which the online store knows it."""

    name: str
    table: str
    by: tuple[str, ...]
    features: tuple[str, ...]
    digest: str
    until: int | None = None
    entities: int = 0
    rows: int = 0


def list_views(workshop: Workshop, loop: Loop) -> tuple[ListedView, ...]:
    """Return the page's views in order, with what the online store has of them."""
    folder = workshop.project.live / "features"
    stats: dict[str, Any] = {}
    if folder.is_dir():
        with OnlineStore.open(folder, read_only=True) as online:
            stats = dict(online.stats())
    found = []
    for view in loop.views:
        digest = definition_digest(view)
        seen = stats.get(digest)
        found.append(
            ListedView(
                name=view.name,
                table=view.table.name,
                by=view.by,
                features=view.names,
                digest=digest,
                until=None if seen is None else seen.watermark,
                entities=0 if seen is None else seen.entities,
                rows=0 if seen is None else seen.rows,
            )
        )
    return tuple(found)


def materialize_online(workshop: Workshop, loop: Loop) -> int:
    """Bring the online store up to the world's time from the page's tables; return that time.

    Raises:
        LapwiseError: a table cannot be read; what was materialised before stays.
    """
    now = workshop.world.now()
    tables: dict[str, pl.LazyFrame] = {}
    for table in {view.table.name: view.table for view in loop.views}.values():
        version = take_version(workshop, table, watermark=now)
        tables[table.name] = scan(version, workshop.store)
    with OnlineStore.open(workshop.project.live / "features") as online:
        online.materialize(loop.views, tables, at=now, progress=workshop.progress)
    return now


def push_file(workshop: Workshop, loop: Loop, name: str, source: Path) -> Pushed:
    """Push the rows of a file to every view that reads the table.

    Raises:
        DeclarationError: no view reads a table of this name.
        DataError: the file cannot be read.
        FeatureError: the rows do not fit the table, or are not known yet; nothing was pushed.
    """
    views = [view for view in loop.views if view.table.name == name]
    if not views:
        known = sorted({view.table.name for view in loop.views})
        raise DeclarationError(
            "no view reads a table of this name", value=name, expected=", ".join(known)
        )
    table, rows = views[0].table, in_utc(_read(source).lazy()).collect()
    _check_known(table, rows, workshop.world.now())
    with OnlineStore.open(workshop.project.live / "features") as online:
        return online.push(table, rows, views)


def look_up(workshop: Workshop, loop: Loop, values: Sequence[str]) -> Mapping[str, Any]:
    """Return the vector of one request, given as ``name=value``; what is not given is missing.

    Raises:
        DeclarationError: a name is no input of the page, or a value is not of its type.
        NotFoundError: nothing was materialised yet.
    """
    folder = workshop.project.live / "features"
    if not folder.is_dir():
        raise NotFoundError("no features are online yet", fix="lapwise features materialize")
    columns = _inputs(workshop, loop)
    given = _given(values, columns)
    with OnlineStore.open(folder, read_only=True) as online:
        lookup = OnlineLookup(loop.features, online, columns=columns)
        found = lookup.look_up(
            {column.name: [given.get(column.name)] for column in columns}, at=workshop.world.now()
        )
    return {name: column[0] for name, column in found.items()}


def _read(source: Path) -> pl.DataFrame:
    try:
        if source.suffix.lower() == ".csv":
            return pl.read_csv(source, try_parse_dates=True, infer_schema_length=10_000)
        return pl.read_parquet(source)
    except (OSError, pl.exceptions.PolarsError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise DataError(f"{source} cannot be read", value=said) from error


def _check_known(table: Table, rows: pl.DataFrame, now: int) -> None:
    """Refuse rows of the future: after one the store would no longer answer for the present."""
    if not isinstance(rows.schema.get(table.known), pl.Datetime):
        return  # told by the store
    known = pl.col(table.known).dt.epoch("us")
    later = rows.filter(known > now)
    if not later.is_empty():
        raise FeatureError(
            f"{later.height:,} of {rows.height:,} rows are not known yet",
            value=format_time(later.select(known.max()).item()),
            expected=f"{table.known} at or before {format_time(now)}",
            fix="correct the times, or push the rows when they are known",
        )


def _inputs(workshop: Workshop, loop: Loop) -> tuple[Column, ...]:
    table = loop.examples.table
    known = {
        c.name: c for c in take_version(workshop, table, watermark=workshop.world.now()).columns
    }
    return tuple(known[name] for name in loop.examples.inputs)


def _given(values: Sequence[str], columns: Sequence[Column]) -> dict[str, Any]:
    types = {column.name: column.dtype for column in columns}
    given: dict[str, Any] = {}
    for word in values:
        name, found, text = word.partition("=")
        if not found or name not in types:
            raise DeclarationError(
                "not an input of the page", value=word, expected=", ".join(f"{n}=…" for n in types)
            )
        series = pl.Series(name, [text])
        try:
            given[name] = _parsed(series, types[name]).to_physical().item()
        except pl.exceptions.PolarsError as error:
            raise DeclarationError(
                f"'{name}' is not of the type that a request carries",
                value=text,
                expected=types[name],
            ) from error
    return given


def _parsed(text: pl.Series, dtype: str) -> pl.Series:
    if dtype.startswith("Datetime"):
        return text.str.to_datetime(time_unit="us", time_zone="UTC")
    if dtype == "Boolean":
        return text.str.to_lowercase() == "true"
    if dtype.startswith(("Int", "UInt")):
        return text.cast(pl.Int64)
    return text.cast(pl.Float64) if dtype.startswith(("Float", "Decimal")) else text
