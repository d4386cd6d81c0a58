"""The online store: each entity's recent rows and tiles, from which features are made when asked.

One process writes at a time, any number read. A write is all or nothing: what returned survives the
death of the process, and a reader sees all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import msgspec
import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.digest import Digest
from lapwise.core.duration import parse_duration
from lapwise.core.protocols import Progress, SilentProgress
from lapwise.features.model import FeatureView, view_digest
from lapwise.features.online.backend import Backend, Writer
from lapwise.features.online.batch import Batch, Plan
from lapwise.features.online.damage import UNREADABLE, damaged
from lapwise.features.online.displace import displace
from lapwise.features.online.fields import Fields
from lapwise.features.online.history import History
from lapwise.features.online.layout import Space, ViewState, state_key
from lapwise.features.online.rebuild import rebuild
from lapwise.features.online.state import (
    ViewStats,
    all_stats,
    check_shape,
    has_shape,
    next_number,
    put_state,
    read_state,
    require_state,
)
from lapwise.features.rows import read, rows_of

__all__ = ["Materialized", "OnlineStore", "Pushed"]

_STEP = 20_000
"""Rows of one write while a view is brought up to a time."""


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
        backend: what keeps its bytes.
        keep: how far into the past it can be asked, in microseconds.
    """

    def __init__(self, backend: Backend, keep: int) -> None:
        self.backend = backend
        self._keep = keep
        self._plans: dict[tuple[str, tuple[Digest, ...]], Plan] = {}

    @classmethod
    def open(cls, location: Path | str, *, read_only: bool = False, keep: str = "1h") -> Self:
        """Open, or unless ``read_only`` create, the store at a location.

        Args:
            location: a folder that holds it and nothing else, or the URL of a Redis server.
            read_only: read what another process writes; new writes are seen.
            keep: how far before the latest row known it can still be asked; of who writes.

        Raises:
            NotFoundError: there is no store to read in the folder.
            ConflictError: this process has the folder's store open already.
            DeclarationError: the URL is none.
            StoreError: the server cannot be reached, or is not fit.
        """
        backend: Backend
        if isinstance(location, str) and "://" in location:
            from lapwise.features.online.backends.redis import RedisBackend

            backend = RedisBackend.open(location, read_only=read_only)
        else:
            from lapwise.features.online.backends.lmdb import LmdbBackend

            backend = LmdbBackend.open(Path(location), read_only=read_only)
        return cls(backend, parse_duration(keep))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; closing twice does no harm."""
        self.backend.close()

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
            CorruptError: a record that the rows touch is damaged.
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
        return self.backend.write(partial(self._push, plan, digests, batch))

    def _push(self, plan: Plan, digests: Sequence[Digest], batch: Batch, writer: Writer) -> Pushed:
        added = entities = 0
        states = writer.get([state_key(digest) for digest in digests])
        for view, shape, fields, digest, content in zip(
            plan.views, plan.shapes, plan.fields, digests, states, strict=True
        ):
            state = require_state(content, view, digest)
            check_shape(view, shape, state)
            history = History(writer, state, view, fields)
            rows = batch.rows_of(view, shape, fields)
            try:
                added += history.add(rows)
                changed = history.finish(self._keep)
            except UNREADABLE as error:
                raise damaged(view.name) from error
            entities += history.entities
            if changed != state:
                put_state(writer, digest, changed)
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
            if fresh or state is None or at < state.floor or not has_shape(state, plan.shapes[0]):
                rows += self._rebuild(view, tables, plan, at)
                rebuilt.append(view.name)
            elif at > state.watermark:
                rows += self._advance(view, tables[view.table.name], plan, state, at)
            task.advance()
        task.done()
        return Materialized(rows, tuple(rebuilt), at)

    def _rebuild(
        self, view: FeatureView, tables: Mapping[str, pl.LazyFrame], plan: Plan, at: int
    ) -> int:
        rows = rows_of(view, tables, plan.schema)
        digest, shape, fields = view_digest(view), plan.shapes[0], plan.fields[0]

        def build(writer: Writer) -> int:
            former = read_state(writer.get([state_key(digest)])[0])
            state = ViewState(
                number=next_number(writer),
                view=view.name,
                table=view.table.name,
                key=shape.key,
                by=shape.by,
                columns=shape.columns,
                watermark=at,
                latest=at,
                floor=at - self._keep,
            )
            number = rebuild(writer, view, rows, shape, fields, state)
            put_state(writer, digest, state)
            if former is not None:
                writer.drop(Space(former.number).prefix)
            return number

        return self.backend.write(build)

    def _advance(
        self, view: FeatureView, table: pl.LazyFrame, plan: Plan, state: ViewState, at: int
    ) -> int:
        """Take the rows known since the watermark, then move it."""
        digest = view_digest(view)
        known = plan.columns[0]
        since = table.filter((known >= state.watermark) & (known < at))
        since = since.sort(known)  # else the floor would pass rows that are still to come
        frame = read(since, view.table.name, whole=False)
        rows = 0
        for start in range(0, frame.height, _STEP):
            batch = plan.batch(frame[start : start + _STEP])
            rows += self.backend.write(partial(self._push, plan, [digest], batch)).rows

        def move(writer: Writer) -> None:
            (content,) = writer.get([state_key(digest)])
            current = require_state(content, view, digest)
            latest = max(current.latest, at)
            moved = msgspec.structs.replace(
                current,
                watermark=at,
                latest=latest,
                floor=max(current.floor, latest - self._keep),
            )
            put_state(writer, digest, moved)

        self.backend.write(move)
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
        digest = view_digest(view)

        def move(writer: Writer) -> object:
            (content,) = writer.get([state_key(digest)])
            state = require_state(content, view, digest)
            history = History(writer, state, view, Fields(view, state.columns))
            try:
                key = displace(history, list(entity), by)
                history.finish(self._keep)
            except UNREADABLE as error:
                raise damaged(view.name) from error
            return key

        return self.backend.write(move)

    def state(self, view: FeatureView) -> ViewState | None:
        """Return what the store knows of a view, None if it was never materialised."""
        return read_state(self.backend.read([state_key(view_digest(view))])[0])

    def freshness(self, digest: Digest) -> int | None:
        """Return a view's latest known time in microseconds, None if it was never materialised."""
        state = read_state(self.backend.read([state_key(digest)])[0])
        return None if state is None else state.latest

    def stats(self) -> dict[Digest, ViewStats]:
        """Return what the store holds, by the digest of the view; it reads all of it."""
        return all_stats(self.backend)


def _schema_of(view: FeatureView, tables: Mapping[str, pl.LazyFrame]) -> pl.Schema:
    """Return the types of a view's table, after checking that the view fits it."""
    table = tables.get(view.table.name)
    schema = pl.Schema() if table is None else table.collect_schema()
    rows_of(view, tables, schema)
    return schema
