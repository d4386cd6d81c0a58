"""One database, SQLite or PostgreSQL, as transactions that read and transactions that write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import blake3
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Table,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError

from lapwise.core.clock import MachineClock
from lapwise.core.errors import DeclarationError, MissingDependencyError
from lapwise.store.address import refuse_remote
from lapwise.store.boundary import crossing
from lapwise.store.failures import translated

__all__ = ["Database", "connect", "plain_rows", "portions", "sqlite_path"]

T = TypeVar("T")

_BUSY_SECONDS = 60.0
_AT_ONCE = 500  # names in one IN list: SQLite takes 32,766, a planner likes fewer


class Database:
    """An engine, and the few things in which the two databases differ.

    Args:
        engine: as :func:`connect` makes it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(lapwise_writes=True)
        self._upserts: dict[Table, Any] = {}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that writes nothing."""
        with translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction in which every statement sees the database at the same moment."""
        engine = self.engine
        if not self.is_sqlite:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with translated(), engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that is durable when the block ends, and undone if it raises."""
        with translated(), self._writer.connect() as connection:
            with connection.begin() as transaction:
                yield connection
                crossing("row", "after")
                crossing("commit", "before")
                transaction.commit()
            crossing("commit", "after")

    def serialise(self, connection: Connection, name: str) -> None:
        """Let only one transaction at a time pass here for a name, until it ends.

        SQLite has one writer anyway (``BEGIN IMMEDIATE``); PostgreSQL takes an advisory lock.
        """
        if not self.is_sqlite:
            key = int.from_bytes(blake3.blake3(name.encode()).digest(8), signed=True)
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (key,))

    def insert(self, table: Table) -> Any:
        """Return an INSERT that knows ``on_conflict_do_nothing`` and ``_do_update``."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def insert_once(self, table: Table) -> Any:
        """Return an INSERT that leaves a row alone which has the same key."""
        return self.insert(table).on_conflict_do_nothing()

    def upsert(self, table: Table) -> Any:
        """Return an INSERT that replaces what is beside the primary key of a row that is there."""
        statement = self.insert(table)
        keys = [column.name for column in table.primary_key]
        names = [column.name for column in table.c]
        new = {name: statement.excluded[name] for name in names if name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=new)

    def replace(
        self, connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Write rows; of those with one primary key, given or there, the last one stays."""
        keys = [column.name for column in table.primary_key]
        last = {tuple(row[key] for key in keys): row for row in rows}
        if not last:
            return
        if table not in self._upserts:  # building a statement costs more than running it
            self._upserts[table] = self.upsert(table)
        # One order of locks everywhere; and PostgreSQL takes a row only once a statement.
        connection.execute(self._upserts[table], [last[key] for key in sorted(last)])

    def now(self, connection: Connection) -> int:
        """Return microseconds since 1970 by the clock that all users of the store share."""
        if self.is_sqlite:
            return MachineClock().timestamp()
        return int(connection.scalar(select(self.clock())) or 0)

    def clock(self) -> ColumnElement[int]:
        """Return :meth:`now` as a column: PostgreSQL's own, for machines may disagree."""
        if self.is_sqlite:
            # A file never leaves its machine; the value is bound when the statement runs.
            return bindparam(
                "store_time", callable_=MachineClock().timestamp, type_=BigInteger, unique=True
            )
        return cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)

    def close(self) -> None:
        """Release every connection."""
        self.engine.dispose()


def connect(url: str) -> Database:
    """Return the database at a URL; nothing is opened before the first transaction.

    Raises:
        DeclarationError: the URL is not of SQLite or PostgreSQL.
        MissingDependencyError: psycopg is not installed.
    """
    refuse_remote(url)
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _unusable(url) from None
    family = parsed.drivername.partition("+")[0]
    if family in {"postgresql", "postgres"}:
        return Database(_postgresql(parsed.set(drivername="postgresql+psycopg")))
    if family == "sqlite" and sqlite_path(url) is not None:
        return Database(_sqlite(url))
    raise _unusable(url)


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None when the URL names none."""
    scheme, found, rest = url.partition(":///")
    name = rest.partition("?")[0]
    if not found or scheme.partition("+")[0] != "sqlite" or name in {"", ":memory:"}:
        return None
    return Path(name)


def portions(names: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield names in portions that fit one ``IN (...)``."""
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]


def plain_rows(
    connection: Connection, query: Any, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return rows as the driver gives them: for thousands of short ones, that is half of the time."""
    return list(connection.execute(query, dict(values)).cursor.fetchall())


def _sqlite(url: str) -> Engine:
    engine = create_engine(
        f"sqlite:///{sqlite_path(url)}",
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None},
    )

    # The driver's own BEGIN comes too late and too weak: a reader that becomes a writer may find
    # that it cannot, so those who will write say so at once.
    @event.listens_for(engine, "connect")
    def settings(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("lapwise_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: Any) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except ImportError as error:
        raise MissingDependencyError(
            "PostgreSQL needs a driver", value="psycopg", fix="pip install 'lapwise[postgres]'"
        ) from error


def _unusable(url: str) -> DeclarationError:
    return DeclarationError(
        "not the URL of a store's database",
        value=url.partition("@")[2] or url,  # what stands before @ may be a password
        expected="sqlite:///path/lapwise.db or postgresql://host/database",
    )
