"""What the rules of leakage look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from lapwise.core.model import Split

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PARTS", "FeatureSource", "FeatureTable", "LabelTable", "Severity", "Subject"]

Severity: TypeAlias = Literal["block", "warn", "clear", "not_applicable"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """Where a feature's values came from, row by row.

    Args:
        feature: the column of the feature.
        known: the column with the latest known time (UTC microseconds or a datetime) of all source
            rows that went into the value; null where none did.
        from_label: the column that says whether the label's own row was among them, if the feature
            reads the label's table; None if it does not.
    """

    feature: str
    known: str
    from_label: str | None = None


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """A table that views read.

    Args:
        table: its name.
        views: the names of the views.
        known: the column of the time from which its rows are seen.
        rows: all of them.
    """

    table: str
    views: tuple[str, ...]
    known: str
    rows: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The table that brings the label.

    Args:
        table: its name.
        on: the columns that say whose label a row is.
        value: the label as an expression over the table.
        event: the column of the time at which it happened.
        known: the column of the time from which it is known.
        rows: all of them.
    """

    table: str
    on: tuple[str, ...]
    value: pl.Expr
    event: str
    known: str
    rows: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class Subject:
    """Features and labels of the examples in a split.

    Args:
        frame: the features, and columns ``part``, ``time``, ``label`` and ``label_known`` (UTC
            microseconds or datetimes); ``unit`` and the split's ``by`` columns when it has them.
        features: the columns that a model sees.
        split: how the rows were parted.
        row: the column that names an example, or empty.
        sources: where features came from, for as many of them as that is known.
        tables: the tables that views read.
        label: the table that brings the label, None if it is not at hand.
    """

    frame: pl.DataFrame
    features: tuple[str, ...]
    split: Split
    row: str = ""
    sources: tuple[FeatureSource, ...] = ()
    tables: tuple[FeatureTable, ...] = ()
    label: LabelTable | None = None

    def part(self, name: str) -> pl.DataFrame:
        """Return the rows of one part."""
        import polars as pl

        return self.frame.filter(pl.col("part") == name)
