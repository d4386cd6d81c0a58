"""The tables of an MLflow database, SQLite or PostgreSQL, as rows; nothing is ever written there.

Tables and columns are found as they are, because every release of MLflow has others: what an older
one lacks is absent, and a missing column is None. Each question is a short transaction of its own, so
that a server may go on writing meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    MetaData,
    create_engine,
    func,
    inspect,
    make_url,
    select,
    tuple_,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from lapwise.core.errors import DeclarationError, NotFoundError, StoreError
from lapwise.store.database import sqlite_path

__all__ = ["MlflowTables", "Row"]

Row: TypeAlias = dict[str, Any]
"""A row by its columns' names."""

_NEEDED = ("experiments", "runs", "metrics", "params", "tags")
_KNOWN = (
    *_NEEDED,
    "datasets",
    "experiment_tags",
    "input_tags",
    "inputs",
    "latest_metrics",
    "logged_model_metrics",
    "logged_model_params",
    "logged_model_tags",
    "logged_models",
    "model_version_tags",
    "model_versions",
    "registered_model_aliases",
    "registered_model_tags",
    "registered_models",
)
_PAGE = 500
_POINTS = 10_000


class MlflowTables:
    """An open MLflow database.

    Args:
        url: ``sqlite:///mlflow.db`` or ``postgresql://…``.

    Raises:
        DeclarationError: the URL is of no database that can be read.
        NotFoundError: there is no such file, or it has none of MLflow's tables.
        StoreError: the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        try:
            present = set(inspect(self._engine).get_table_names())
            missing = [name for name in _NEEDED if name not in present]
            if missing:
                raise NotFoundError(
                    "this is not MLflow's database: tables are missing",
                    value=", ".join(missing),
                    expected="the address that `mlflow server --backend-store-uri` was given",
                )
            metadata = MetaData()
            metadata.reflect(
                self._engine, only=[name for name in _KNOWN if name in present], resolve_fks=False
            )
        except SQLAlchemyError as error:
            raise _away(error) from None
        self._tables = dict(metadata.tables)

    def rows(self, table: str, **equal: Any) -> list[Row]:
        """Return the rows of a table whose columns have these values (a list: any of them)."""
        found = self._tables.get(table)
        if found is None:
            return []
        query = select(found)
        for name, value in equal.items():
            if name not in found.c:
                return []
            column = found.c[name]
            query = query.where(column.in_(value) if isinstance(value, list) else column == value)
        with self._read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def pages(self, table: str, keys: Sequence[str], **equal: Any) -> Iterator[list[Row]]:
        """Yield the rows of :meth:`rows` a page at a time, by the columns ``keys``, which are unique."""
        found = self._tables.get(table)
        if found is None or any(name not in found.c for name in (*keys, *equal)):
            return
        columns = [_sorted(found.c[name]) for name in keys]
        query = select(found).order_by(*columns).limit(_PAGE)
        for name, value in equal.items():
            column = found.c[name]
            query = query.where(column.in_(value) if isinstance(value, list) else column == value)
        after: list[Any] | None = None
        while True:
            asked = query if after is None else query.where(tuple_(*columns) > tuple_(*after))
            with self._read() as connection:
                page = [dict(row) for row in connection.execute(asked).mappings()]
            if page:
                yield page
            if len(page) < _PAGE:
                return
            after = [page[-1][name] or 0 for name in keys]

    def points(self, run: str) -> Iterator[Row]:
        """Yield every value of every metric of a run, by name, time, step and value."""
        metrics = self._tables["metrics"]
        columns = metrics.c
        query = select(metrics).where(columns.run_uuid == run)
        order = ("key", "timestamp", "step", "value", "is_nan")
        query = query.order_by(*(columns[name] for name in order if name in columns))
        with self._read() as connection:
            streamed = connection.execution_options(yield_per=_POINTS).execute(query)
            for row in streamed.mappings():
                yield dict(row)

    def close(self) -> None:
        """Release every connection."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _away(error) from None


def _sorted(column: Column[Any]) -> ColumnElement[Any]:
    """Return a column to sort by; a number that is missing counts as 0, so that its row has a place."""
    return func.coalesce(column, 0) if isinstance(column.type, Integer) else column


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _unusable() from None
    family = parsed.drivername.partition("+")[0]
    if family in {"postgresql", "postgres"}:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            execution_options={"postgresql_readonly": True},
        )
    path = sqlite_path(url)
    if family != "sqlite" or path is None:
        raise _unusable()
    if not path.is_file():
        raise NotFoundError("there is no such database", value=str(path))

    def opened() -> sqlite3.Connection:
        address = path.resolve().as_uri() + "?mode=ro"
        return sqlite3.connect(address, uri=True, check_same_thread=False)

    return create_engine("sqlite://", creator=opened)


def _unusable() -> DeclarationError:
    return DeclarationError(
        "an MLflow database cannot be read at this address",
        expected="sqlite:///mlflow.db, postgresql://user@host/name, or http://host:5000 of a server",
    )


def _away(error: SQLAlchemyError) -> StoreError:
    # The driver's message may hold the address with its password.
    cause = getattr(error, "orig", None) or error
    return StoreError(
        "the MLflow database does not answer",
        value=type(cause).__name__,
        expected="a database that can be read",
        fix="look whether it runs, and whether the address and the password are right",
    )
