"""What a run read, and the blobs that its capture names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, func, select

from lapwise.core.digest import Digest
from lapwise.core.model import Capture
from lapwise.core.tracked import RunInput
from lapwise.store.database import Database
from lapwise.store.encoding import encode
from lapwise.store.schema import run_blob, run_input

__all__ = ["add_capture", "add_inputs"]

_CONTEXTS = ("mlflow.data.context", "context")
_LAST = select(func.max(run_input.c.position)).where(run_input.c.run == bindparam("number"))


def add_inputs(
    database: Database, connection: Connection, number: int, inputs: Sequence[RunInput]
) -> None:
    """Add inputs to a run inside a transaction.

    One with the name and digest of one that is there replaces it, in its place.
    """
    if not inputs:
        return
    statement = database.insert(run_input)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["run", "name", "digest"],
        set_={"context": new.context, "body": new.body},
    )
    connection.execute(statement, _rows(connection, number, inputs))


def add_capture(
    database: Database, connection: Connection, number: int, capture: Capture | None
) -> None:
    """Add the datasets that a capture names, and its blobs, inside a transaction."""
    if capture is None:
        return
    read = [
        RunInput(name=part.name, digest=part.digest, kind="lapwise") for part in capture.datasets
    ]
    if read:
        rows = _rows(connection, number, read)
        connection.execute(database.insert_once(run_input), rows)
    blobs = sorted(set(_blobs(capture)))
    connection.execute(
        database.insert_once(run_blob), [{"digest": one, "run": number} for one in blobs]
    )


def _rows(
    connection: Connection, number: int, inputs: Sequence[RunInput]
) -> list[dict[str, object]]:
    """Return a row for each input, the last of those that are the same, in their order."""
    last = {(one.name, one.digest): one for one in inputs}
    known = connection.scalar(_LAST, {"number": number})
    start = 0 if known is None else known + 1
    return [
        {
            "run": number,
            "name": one.name,
            "digest": one.digest,
            "position": position,
            "context": _context(one),
            "body": encode(one),
        }
        for position, one in enumerate(last.values(), start)
    ]


def _context(one: RunInput) -> str:
    tags = {tag.name: tag.value for tag in one.tags}
    return next((tags[name] for name in _CONTEXTS if name in tags), "")


def _blobs(capture: Capture) -> Iterable[Digest]:
    named = (
        capture.patch,
        capture.packages,
        capture.environment,
        capture.split,
        capture.frame,
        capture.code,
    )
    return (digest for digest in named if digest)
