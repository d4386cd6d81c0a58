"""Online features of a page: brought up to now, pushed to, looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.errors import DataError, DeclarationError, FeatureError, NotFoundError
from lapwise.core.model import Column, Record
from lapwise.data import scan
from lapwise.data.instants import in_utc, require_instant
from lapwise.features import OnlineLookup, OnlineStore, Pushed, view_digest
from lapwise.features.request import type_of
from lapwise.features.rows import check_table
from lapwise.loop.declaring import declare_features, note_freshness
from lapwise.loop.owner import check_owner, take_space
from lapwise.loop.tables import take_version
from lapwise.loop.upheld import upheld_views
from lapwise.store.nearest import nearest

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.data import Table
    from lapwise.features import FeatureView
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = [
    "Brought",
    "BroughtView",
    "KnownUntil",
    "Looked",
    "look_up",
    "materialize_online",
    "open_online",
    "push_file",
]


class BroughtView(Record, frozen=True, kw_only=True):
    """What bringing one view up to a time did: rows taken, and whether it was built anew.

    ``version`` is the view's digest: the page's, or that of a version of a model that answers.
    ``forgot`` is until when rows were known that building anew has dropped: those known at the time
    it was built for or later. None if there were none.
    """

    view: str
    version: Digest
    table: str
    rows: int
    rebuilt: bool
    seconds: float
    forgot: int | None = None


class Brought(Record, frozen=True, kw_only=True):
    """What bringing a page's views up to ``at``, a time of the world, did."""

    at: int
    views: tuple[BroughtView, ...]

    @property
    def rows(self) -> int:
        """How many rows were taken."""
        return sum(one.rows for one in self.views)


class KnownUntil(Record, frozen=True, kw_only=True):
    """Up to when the online store knows a view, and how far that is behind the time asked for."""

    view: str
    latest: int
    behind: int


class Looked(Record, frozen=True, kw_only=True):
    """The vector of one request, and how fresh the views are that it was made of."""

    at: int
    features: dict[str, Any]
    views: tuple[KnownUntil, ...]


def open_online(workshop: Workshop, *, read_only: bool = False) -> OnlineStore:
    """Open the online store of a project.

    Raises:
        NotFoundError: there is none to read.
        ConflictError: it is a space of a Redis server that another project writes to.
        StoreError: the server cannot be reached.
    """
    online = OnlineStore.open(workshop.project.online, read_only=read_only)
    try:
        (check_owner if read_only else take_space)(workshop, online)
    except BaseException:
        online.close()
        raise
    return online


def materialize_online(
    workshop: Workshop, loop: Loop, *, fresh: bool = False, count: bool = False
) -> Brought:
    """Bring the online store up to the world's time from the page's tables.

    Beside the page's views are those that versions which answer were trained on: they go on to.
    What the page declares, and how fresh its views are then, is kept in the store.

    Args:
        workshop: the project.
        loop: the page.
        fresh: build every view anew.
        count: count what the store holds afterwards, for people; it reads all of it.

    Raises:
        DeclarationError: the world's time lies in the future.
        LapwiseError: a table cannot be read; what was materialised before stays.
    """
    now, clock = workshop.world.now(), workshop.machine
    if now > clock.timestamp():  # the store would no longer answer for the present
        raise DeclarationError(
            "online features cannot be brought up to a time in the future",
            value=format_time(now),
            expected=f"{format_time(clock.timestamp())} or earlier",
        )
    tables: dict[str, pl.LazyFrame] = {}
    for table in {view.table.name: view.table for view in loop.views}.values():
        version = take_version(workshop, table, watermark=now)
        tables[table.name] = scan(version, workshop.store)
    declare_features(workshop.store, loop, now)
    upheld = upheld_views(workshop.store, loop)
    views = (*loop.views, *upheld)
    task = workshop.progress.task("online features", total=len(views))
    brought = []
    with open_online(workshop) as online:
        for view in views:
            started, before = clock.monotonic(), online.state(view)
            done = online.materialize([view], tables, at=now, fresh=fresh)
            brought.append(
                BroughtView(
                    view=view.name,
                    version=view_digest(view),
                    table=view.table.name,
                    rows=done.rows,
                    rebuilt=bool(done.rebuilt),
                    seconds=clock.monotonic() - started,
                    forgot=before.latest
                    if done.rebuilt and before is not None and before.latest > now
                    else None,
                )
            )
            task.advance()
        stats = online.stats() if count else None
        note_freshness(workshop.store, loop, online, now, stats=stats, upheld=upheld)
    task.done()
    return Brought(at=now, views=tuple(brought))


def push_file(workshop: Workshop, loop: Loop, name: str, source: Path) -> Pushed:
    """Push the rows of a file to every view that reads the table, upheld ones too.

    Raises:
        DeclarationError: no view reads a table of this name.
        DataError: the file cannot be read.
        FeatureError: the rows do not fit the table, or are not known yet; nothing was pushed.
    """
    upheld = upheld_views(workshop.store, loop)
    every = (*loop.views, *upheld)
    views = [view for view in every if view.table.name == name]
    if not views:
        known = sorted({view.table.name for view in every})
        raise DeclarationError(
            "no view reads a table of this name", value=name, expected=nearest(name, known)
        )
    table, now = views[0].table, workshop.world.now()
    with open_online(workshop) as online:
        rows = in_utc(_read(source, table, _types(online, views)).lazy()).collect()
        for view in views:  # of an empty file too, which says so little else
            check_table(view, rows.schema, rows.schema)
        _check_known(table, views, rows, now)
        pushed = [online.push(table, rows, loop.views)]
        # Each by itself: its table's key and times may have been others.
        pushed += [
            online.push(view.table, rows, [view])
            for view in upheld
            if view.table.name == name and online.state(view) is not None
        ]
        note_freshness(workshop.store, loop, online, now, upheld=upheld)
    return Pushed(sum(one.rows for one in pushed), sum(one.entities for one in pushed))


def look_up(
    workshop: Workshop, loop: Loop, values: Sequence[str], *, at: int | None = None
) -> Looked:
    """Return the vector of one request, given as ``name=value``; what is not given is missing.

    Args:
        workshop: the project.
        loop: the page.
        values: what the request carries.
        at: as of when it is asked, in microseconds; default: the world's time.

    Raises:
        DeclarationError: a name is no input of the page, or a value is not of its type.
        NotFoundError: nothing was materialised yet.
    """
    try:
        online = open_online(workshop, read_only=True)
    except NotFoundError as error:
        raise NotFoundError(
            "no features are online yet", fix="lapwise features materialize"
        ) from error
    with online:
        columns = _inputs(workshop, loop)
        given = _given(values, columns)
        now = workshop.world.now() if at is None else at
        lookup = OnlineLookup(loop.features, online, columns=columns)
        found = lookup.look_up(
            {column.name: [given.get(column.name)] for column in columns}, at=now
        )
        until = [(view.name, online.state(view)) for view in loop.views]
    return Looked(
        at=now,
        features={name: column[0] for name, column in found.items()},
        views=tuple(
            KnownUntil(view=name, latest=state.latest, behind=max(0, now - state.latest))
            for name, state in until
            if state is not None
        ),
    )


def _types(online: OnlineStore, views: Sequence[FeatureView]) -> dict[str, pl.DataType]:
    """Return the types that columns have online, for a CSV file says none; times are recognised."""
    texts: dict[str, str] = {}
    for view in views:
        state = online.state(view)
        if state is not None:
            texts |= dict(zip(view.table.keys, state.key, strict=True))
            texts |= dict(zip(view.by, state.by, strict=True))
            texts |= {column.name: column.dtype for column in state.columns}
    types = {name: type_of(Column(name=name, dtype=text)) for name, text in texts.items()}
    return {name: dtype for name, dtype in types.items() if not dtype.is_temporal()}


def _read(source: Path, table: Table, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
    try:
        if source.suffix.lower() != ".csv":
            return pl.read_parquet(source)
        rows = pl.read_csv(
            source, try_parse_dates=True, schema_overrides=types, infer_schema_length=10_000
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        said = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError(f"{source} cannot be read", value=said) from error
    times = [name for name in {table.event, table.known} if name in rows.columns]
    empty = [name for name in times if rows[name].null_count() == rows.height]
    return rows.with_columns(pl.col(empty).cast(pl.Datetime("us", "UTC"), strict=False))


def _check_known(table: Table, views: Sequence[FeatureView], rows: pl.DataFrame, now: int) -> None:
    """Refuse rows of the future: after one the store would no longer answer for the present."""
    for role, name in (("event", table.event), ("known", table.known)):
        if name not in rows.schema:
            return  # told by the store
        require_instant(table.name, role, name, rows.schema[name])
    known = pl.col(table.known).dt.epoch("us")
    later = rows.filter(known > now)
    if not later.is_empty():
        said = "lie in the future" if table.known == table.event else "are not known yet"
        names = ", ".join(f"'{view.name}'" for view in views)
        raise FeatureError(
            f"{later.height:,} of {rows.height:,} rows of table '{table.name}' (read by {names}) "
            f"{said}: '{table.known}' is later than now",
            value=format_time(later.select(known.max()).item()),
            expected=f"{table.known} at or before {format_time(now)}",
            fix="correct the times (the year, the time zone), or push the rows once they are known",
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
        if name in given:
            raise DeclarationError("an input is given twice", value=word, expected=f"one {name}=…")
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
        return text.str.to_lowercase().cast(pl.Enum(["false", "true"])).to_physical() == 1
    if dtype.startswith(("Int", "UInt")):
        return text.cast(pl.Int64)
    return text.cast(pl.Float64) if dtype.startswith(("Float", "Decimal")) else text
