"""What happens in a product's world, in order of time: rows become known, requests come, labels arrive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.errors import DeclarationError
from lapwise.data import build_examples, scan
from lapwise.loop.tables import take_version

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lapwise.core.model import DatasetVersion
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = ["Arrived", "Asked", "World", "read_world"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the rows that are predicted at one instant, as columns of plain values."""

    at: int
    columns: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A label that became known: of which row, and what it is."""

    row: str
    label: Any


class World:
    """A stretch of history; reading it forward tells at each instant only what was known then.

    Args:
        examples: one row an example, with ``time``, ``label`` and ``label_known``, sorted by time.
        row: the column that names an example.
        columns: what a request carries.
        tables: rows of each table that features read, sorted by when they were known.
        known: for each table, those times.
        versions: the dataset versions that all of it was read from.
    """

    def __init__(
        self,
        examples: pl.DataFrame,
        *,
        row: str,
        columns: Sequence[str],
        tables: Mapping[str, pl.DataFrame],
        known: Mapping[str, NDArray[np.int64]],
        versions: Mapping[str, DatasetVersion],
    ) -> None:
        self.examples = examples
        self.versions = versions
        self._row, self._columns = row, tuple(columns)
        self._tables, self._known = tables, known
        self._times = examples["time"].to_physical().to_numpy()
        self._plain = examples.select(
            pl.col(name).to_physical() if examples.schema[name].is_temporal() else pl.col(name)
            for name in self._columns
        )
        labels = examples.filter(pl.col("label").is_not_null()).sort("label_known", row)
        self._label_known = labels["label_known"].to_physical().to_numpy()
        self._labels = labels.select(pl.col(row).cast(pl.String), "label")

    def asked(self, start: int, end: int) -> Iterator[Asked]:
        """Yield the requests with ``start <= at < end``, one for each instant, in order."""
        first, last = np.searchsorted(self._times, (start, end))
        while first < last:
            at = int(self._times[first])
            stop = int(np.searchsorted(self._times, at, side="right"))
            rows = self._plain[int(first) : stop]
            yield Asked(at, {column.name: column.to_list() for column in rows})
            first = stop

    def became_known(self, table: str, start: int, end: int) -> pl.DataFrame:
        """Return the rows of a table with ``start <= known < end``, in order."""
        first, last = np.searchsorted(self._known[table], (start, end))
        return self._tables[table][int(first) : int(last)]

    def arrived(self, start: int, end: int) -> list[Arrived]:
        """Return the labels with ``start <= known < end``, in order."""
        first, last = np.searchsorted(self._label_known, (start, end))
        return [
            Arrived(row, label) for row, label in self._labels[int(first) : int(last)].iter_rows()
        ]

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that features read."""
        return tuple(self._tables)


def read_world(workshop: Workshop, loop: Loop, start: int, end: int) -> World:
    """Read the history between two instants of the world from the page's tables.

    Labels of its examples count as long as they were known before ``end``.

    Raises:
        DeclarationError: no example was predicted between the two.
    """
    tables = {table.name: table for table in loop.tables}
    versions = {
        name: take_version(workshop, table, watermark=end) for name, table in tables.items()
    }
    declared = loop.examples
    instant = pl.col("time").to_physical()
    examples = build_examples(declared, versions, workshop.store, as_of=end).filter(
        instant >= start
    )
    if examples.is_empty():
        raise DeclarationError(
            "nothing was predicted in this stretch of history",
            value=f"{format_time(start)} to {format_time(end)}",
            expected=f"examples of '{declared.table.name}' whose {declared.time} lies in it",
            fix="choose other --from and --to",
        )
    rows, known = {}, {}
    for name in dict.fromkeys(view.table.name for view in loop.views):
        when = pl.col(tables[name].known)
        frame = scan(versions[name], workshop.store).sort(when, maintain_order=True).collect()
        rows[name] = frame
        known[name] = frame.select(when.dt.epoch("us")).to_series().to_numpy()
    columns = dict.fromkeys(
        (declared.row, *declared.inputs, *([declared.unit] if declared.unit else []))
    )
    return World(
        examples,
        row=declared.row,
        columns=[name for name in columns if name in examples.columns],
        tables=rows,
        known=known,
        versions=versions,
    )
