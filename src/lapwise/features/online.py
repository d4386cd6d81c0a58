"""The online store: each entity's recent rows on LMDB, from which features are made when asked.

One process writes at a time, any number read. A write is one transaction: what returned survives
the death of the process, and a reader sees all of it or nothing. The file is not synced to disk;
after a power cut it is built again from the tables by :meth:`OnlineStore.materialize`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeVar, cast

import lmdb
import msgspec
import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.digest import Digest
from lapwise.core.duration import parse_duration
from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.protocols import Progress, SilentProgress
from lapwise.features.batch import Batch, Plan, Shape
from lapwise.features.displace import displace
from lapwise.features.history import History
from lapwise.features.layout import Space, ViewState
from lapwise.features.model import FeatureView, view_digest
from lapwise.features.rebuild import drop, rebuild
from lapwise.features.rows import read, rows_of
from lapwise.features.state import (
    ViewStats,
    all_stats,
    check_shape,
    find_state,
    has_shape,
    next_number,
    put_state,
    read_state,
)
from lapwise.store.durable import make_folder

__all__ = ["Materialized", "OnlineStore", "Pushed"]

T = TypeVar("T")

_ROOM = 64 << 30
"""Bytes of address space; the file is as large as what is in it."""

_STEP = 20_000
"""Rows of one transaction while a view is brought up to a time."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many rows were new to a view, summed over views, and how many entities they touched."""

    rows: int
    entities: int


@dataclass(frozen=True, slots=True)
class Materialized:
    """What bringing views up to a time did: rows taken, views built anew, and the time."""

    rows: int
    rebuilt: tuple[str, ...]
    at: int


class OnlineStore:
    """Recent rows of views by entity; open it with :meth:`open`.

    Args:
        environment: the open LMDB environment.
        keep: how far into the past it can be asked, in microseconds.
    """

    def __init__(self, environment: lmdb.Environment, keep: int) -> None:
        self._environment = environment
        self._keep = keep
        self._plans: dict[tuple[str, tuple[Digest, ...]], Plan] = {}

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False, keep: str = "7d") -> Self:
        """Open, or unless ``read_only`` create, the store in a folder.

        Args:
            folder: holds the store and nothing else.
            read_only: read what another process writes; new commits are seen.
            keep: for how long after it ended a row is kept, so that times this long before the
                latest row can still be asked for; of the writing process.

        Raises:
            NotFoundError: there is no store to read.
            ConflictError: this process has it open already.
        """
        if read_only and not (folder / "data.mdb").is_file():
            raise NotFoundError(
                "there is no online store", value=str(folder), fix="lapwise features materialize"
            )
        if not read_only:
            make_folder(folder)
        environment = _open(folder, read_only=read_only)
        environment.reader_check()  # gives back the places of readers that died
        return cls(environment, parse_duration(keep))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; closing twice does no harm."""
        self._environment.close()

    def push(self, table: Table, rows: pl.DataFrame, views: Sequence[FeatureView]) -> Pushed:
        """Add rows of a table to every view that reads it, in one transaction.

        Rows may come late, out of order and again. They are seen as of times after they were known.

        Args:
            table: whose rows they are.
            rows: all columns that the views read.
            views: views of other tables are passed over.

        Raises:
            FeatureError: a column is missing or of another type than before, a row has no key, or
                a view was never materialised.
        """
        reading = [view for view in views if view.table.name == table.name]
        if not reading or rows.is_empty():
            return Pushed(0, 0)
        digests = tuple(view_digest(view) for view in reading)
        plan = self._plans.get((table.name, digests))
        if plan is None or plan.schema != rows.schema:
            plan = Plan.of(table.name, rows.schema, reading)
            self._plans[table.name, digests] = plan
        batch = plan.batch(rows)
        return self._write(partial(self._push, plan, digests, batch))

    def _push(
        self, plan: Plan, digests: Sequence[Digest], batch: Batch, transaction: lmdb.Transaction
    ) -> Pushed:
        added = entities = 0
        for view, shape, digest in zip(plan.views, plan.shapes, digests, strict=True):
            state = find_state(transaction, view, digest)
            check_shape(view, shape, state)
            history = History(transaction, state, view.widest)
            added += history.add(batch.rows_of(view, shape))
            changed = history.finish(self._keep)
            entities += len(history.entities)
            if changed != state:
                put_state(transaction, digest, changed)
        return Pushed(added, entities)

    def materialize(
        self,
        views: Sequence[FeatureView],
        tables: Mapping[str, pl.LazyFrame],
        *,
        at: int,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> Materialized:
        """Bring views up to a time, from all rows of their tables known before it.

        A view that was brought up before takes the rows known since. It is built anew if it is
        new, if its columns have other types than before, if ``at`` lies before what the store
        still answers for, or if asked to: then it holds the tables' rows alone.

        Args:
            views: what to bring up.
            tables: for each table's name all its rows.
            at: microseconds; rows known at it or later are left to :meth:`push`.
            fresh: build every view anew.
            progress: where to show how far it has come, in views.

        Raises:
            FeatureError: a table or column is missing, or of a type that a view cannot use.
            DataError: a table cannot be read.
        """
        task = (progress or SilentProgress()).task("online features", total=len(views))
        rows, rebuilt = 0, []
        for view in views:
            state = self.state(view)
            plan = Plan.of(view.table.name, _schema_of(view, tables), [view])
            stale = state is None or at < state.floor or not has_shape(state, plan.shapes[0])
            if fresh or stale or state is None:
                rows += self._rebuild(view, tables, plan.shapes[0], at)
                rebuilt.append(view.name)
            elif at > state.watermark:
                rows += self._advance(view, tables[view.table.name], plan, state, at)
            task.advance()
        task.done()
        return Materialized(rows, tuple(rebuilt), at)

    def _rebuild(
        self, view: FeatureView, tables: Mapping[str, pl.LazyFrame], shape: Shape, at: int
    ) -> int:
        schema = _schema_of(view, tables)
        rows = rows_of(view, tables, schema)
        digest = view_digest(view)

        def build(transaction: lmdb.Transaction) -> int:
            former = read_state(transaction, digest)
            if former is not None:
                drop(transaction, Space(former.number))
            state = ViewState(
                number=next_number(transaction),
                view=view.name,
                table=view.table.name,
                key=shape.key,
                by=shape.by,
                columns=shape.columns,
                watermark=at,
                latest=at,
                floor=at - self._keep,
                next_row=0,
            )
            state = rebuild(transaction, view, rows, shape, state)
            put_state(transaction, digest, state)
            return state.next_row

        return self._write(build)

    def _advance(
        self, view: FeatureView, table: pl.LazyFrame, plan: Plan, state: ViewState, at: int
    ) -> int:
        """Take the rows known since the watermark, then move it."""
        digest = view_digest(view)
        known = plan.columns[0]
        since = table.filter((known >= state.watermark) & (known < at))
        frame = read(since, view.table.name, whole=False)
        rows = 0
        for start in range(0, frame.height, _STEP):
            batch = plan.batch(frame[start : start + _STEP])
            rows += self._write(partial(self._push, plan, [digest], batch)).rows

        def move(transaction: lmdb.Transaction) -> None:
            current = find_state(transaction, view, digest)
            latest = max(current.latest, at)
            moved = msgspec.structs.replace(
                current,
                watermark=at,
                latest=latest,
                floor=max(current.floor, latest - self._keep),
            )
            put_state(transaction, digest, moved)

        self._write(move)
        return rows

    def displace(self, view: FeatureView, entity: Sequence[object], *, by: int) -> object:
        """Move the event of an entity's latest row, to prove that ``verify`` would notice.

        Args:
            view: whose row.
            entity: the values of the view's ``by`` columns.
            by: microseconds, negative for earlier.

        Returns:
            The key of the row.

        Raises:
            NotFoundError: the entity has no row.
        """
        return self._write(
            lambda transaction: displace(
                transaction, find_state(transaction, view, view_digest(view)), list(entity), by
            )
        )

    def state(self, view: FeatureView) -> ViewState | None:
        """Return what the store knows of a view, None if it was never materialised."""
        with self.reading() as transaction:
            return read_state(transaction, view_digest(view))

    def freshness(self, digest: Digest) -> int | None:
        """Return a view's latest known time in microseconds, None if it was never materialised."""
        with self.reading() as transaction:
            state = read_state(transaction, digest)
            return None if state is None else state.latest

    def stats(self) -> dict[Digest, ViewStats]:
        """Return what the store holds, by the digest of the view; it counts all rows."""
        with self.reading() as transaction:
            return all_stats(transaction)

    @contextmanager
    def reading(self) -> Iterator[lmdb.Transaction]:
        """Open a transaction that sees one state of everything; its values are memory views."""
        try:
            transaction = self._environment.begin(buffers=True)
        except lmdb.MapResizedError:  # the writer made room
            self._environment.set_mapsize(0)
            transaction = self._environment.begin(buffers=True)
        with transaction:
            yield transaction

    def _write(self, work: Callable[[lmdb.Transaction], T]) -> T:
        """Do work in one transaction; again with more room if there was too little."""
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    return work(transaction)
            except lmdb.MapResizedError:
                self._environment.set_mapsize(0)
            except lmdb.MapFullError:
                size = cast("dict[str, int]", self._environment.info())["map_size"]
                self._environment.set_mapsize(2 * size)


def _open(folder: Path, *, read_only: bool) -> lmdb.Environment:
    room = _ROOM
    while True:
        try:
            return lmdb.open(
                str(folder),
                map_size=room,
                readonly=read_only,
                sync=False,
                metasync=False,
                meminit=False,
                max_readers=1024,
            )
        except lmdb.MemoryError:  # the process may not take so much address space
            if room < 1 << 28:
                raise
            room //= 2
        except lmdb.Error as error:
            if "already open" in str(error):
                raise ConflictError(
                    "this process has the online store open already",
                    value=str(folder),
                    fix="pass the open store on",
                ) from error
            raise


def _schema_of(view: FeatureView, tables: Mapping[str, pl.LazyFrame]) -> pl.Schema:
    """Return the types of a view's table, after checking that the view fits it."""
    table = tables.get(view.table.name)
    schema = pl.Schema() if table is None else table.collect_schema()
    rows_of(view, tables, schema)
    return schema
