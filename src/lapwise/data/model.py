"""Nouns of this room: what a page says of examples, and what checks report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lapwise.core.declaration import Table
from lapwise.core.duration import parse_duration
from lapwise.core.errors import DeclarationError
from lapwise.core.model import ColumnStatistics, Record, Scalar

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "RESERVED",
    "ColumnDiff",
    "ColumnShift",
    "ContractReport",
    "DatasetDiff",
    "Examples",
    "Label",
    "RuleFailure",
]

RESERVED = ("time", "unit", "block", "label", "label_known", "label_event", "part")
"""Columns of an example frame that Lapwise names; an input may not have one of these names."""


@dataclass(frozen=True, slots=True)
class Label:
    """What is to be foretold, and where the truth comes from.

    Args:
        table: the table that brings the truth, later.
        value: the label as an element-wise Polars expression over that table; null or NaN means
            that this row has no label.
        on: the column or columns, of both tables, that say whose label a row is.
        within: the truth counts only if it *happens* (event time) at most this long after the
            prediction, as with a feature's window; None means whenever. When it becomes *known*
            decides only from when on a lap may use it.

    Raises:
        DeclarationError: there is no column to join on, or ``within`` is no duration.
    """

    table: Table
    value: pl.Expr
    on: str | tuple[str, ...]
    within: str | None = None

    def __post_init__(self) -> None:
        """Check the declaration."""
        if not self.columns:
            raise DeclarationError(
                f"the label from table '{self.table.name}' does not say whose it is",
                expected='on="flight_id"',
            )
        if self.within is not None:
            parse_duration(self.within)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns to join on."""
        return (self.on,) if isinstance(self.on, str) else tuple(self.on)


@dataclass(frozen=True, slots=True)
class Examples:
    """What is predicted: one example for each row of a table, at its time.

    Args:
        table: the table whose rows are predicted.
        row: the column that names an example; unique.
        time: the column of the instant t of the prediction (a datetime with a zone).
        inputs: columns that a request carries.
        label: where the truth comes from.
        unit: the column of the entity that canaries and shared-unit checks go by; None: the row.
        block: rows that vary together, for the bootstrap: a duration (``"1d"``) cuts time into
            pieces, any other text names a column.
        unlabelled: ``"drop"``, the only policy: examples without a label are in no part of a split.

    Raises:
        DeclarationError: an input has a name that Lapwise uses, or a policy is unknown.
    """

    table: Table
    row: str
    time: str
    inputs: Sequence[str]
    label: Label
    unit: str | None = None
    block: str = "1d"
    unlabelled: Literal["drop"] = "drop"

    def __post_init__(self) -> None:
        """Check the declaration."""
        if isinstance(self.inputs, str):
            raise DeclarationError(
                "inputs must be a list of columns", value=self.inputs, expected='["carrier"]'
            )
        object.__setattr__(self, "inputs", tuple(dict.fromkeys(self.inputs)))
        taken = sorted({self.row, *self.inputs} & set(RESERVED))
        if taken:
            raise DeclarationError(
                f"columns of table '{self.table.name}' have names that Lapwise uses for examples",
                value=taken,
                expected=f"names other than {', '.join(RESERVED)}",
                fix="rename them in the table's build function",
            )
        if self.unlabelled != "drop":
            raise DeclarationError(
                "unknown policy for examples without a label",
                value=self.unlabelled,
                expected='unlabelled="drop"',
            )


class RuleFailure(Record, frozen=True, kw_only=True):
    """One rule of a contract that rows break; ``examples`` are keys of at most five such rows."""

    rule: str
    rows: int
    examples: tuple[str, ...] = ()


class ContractReport(Record, frozen=True, kw_only=True):
    """What a contract found in ``rows`` rows; no failure means that all of them satisfy it."""

    table: str
    contract: str
    rows: int
    failures: tuple[RuleFailure, ...] = ()


class ColumnDiff(Record, frozen=True, kw_only=True):
    """A column that came (``old`` empty), went (``new`` empty) or changed its type."""

    name: str
    old: str = ""
    new: str = ""


class ColumnShift(Record, frozen=True, kw_only=True):
    """How the statistics of a column moved.

    ``shift`` is the difference of means in units of the old standard deviation, for numbers.
    """

    name: str
    old: ColumnStatistics
    new: ColumnStatistics
    shift: float | None = None


class DatasetDiff(Record, frozen=True, kw_only=True):
    """What is different between two versions of a table.

    Rows are compared by key after corrections, over the columns that both versions have;
    ``examples`` holds at most five keys of each kind.
    """

    table: str
    old: int
    new: int
    columns: tuple[ColumnDiff, ...]
    files_added: tuple[str, ...]
    files_removed: tuple[str, ...]
    files_changed: tuple[str, ...]
    rows_added: int
    rows_removed: int
    rows_changed: int
    added_examples: tuple[str, ...]
    removed_examples: tuple[str, ...]
    changed_examples: tuple[str, ...]
    shifts: tuple[ColumnShift, ...]
    watermarks: tuple[Scalar, Scalar]
