"""L007: a table knows what the label is before the label's own table does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.evidence import Finding
from lapwise.data.leakage.model import FeatureTable, LabelTable, Subject

__all__ = ["find_known_before_label"]

_AGREE = 0.95
_FEWEST = 20
_MANY = 5
_MOST_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class _Early:
    """What one column of a view's table says of the label too soon."""

    source: FeatureTable
    column: str
    early: int
    rows: int
    agree: float
    who: tuple[Any, ...]
    known: int
    label_known: int
    mend: str

    @property
    def blocks(self) -> bool:
        return self.agree >= _AGREE

    def tell(self, label: LabelTable) -> str:
        key = ", ".join(f"{name}={value}" for name, value in zip(label.on, self.who, strict=True))
        views = " and ".join(f"'{name}'" for name in self.source.views)
        found = (
            f"view {views}: table '{self.source.table}' says '{self.column}' before the label's table"
            f" '{label.table}' knows it, in {self.early:,} of {self.rows:,} rows"
            f" ({self.early / self.rows:.1%}); at worst {key}, from {format_time(self.known)} instead"
            f" of {format_time(self.label_known)}"
        )
        if not self.blocks:
            return f"{found}; but they differ in {1 - self.agree:.1%}, as foretellings do"
        named = (
            f'known="{self.mend}"' if self.mend else f"known=\"...\" when '{self.column}' is known"
        )
        return (
            f"{found}; declare table '{self.source.table}' with {named}, or, if it truly knows that"
            " earlier, declare the label on it"
        )


def find_known_before_label(subject: Subject) -> Finding:
    """L007: rows of a view's table that say what the label is, known before the label itself.

    What it does:
        Looks at the table of each view that has the columns which the label is joined on. Where it
        also has what the label's expression reads, or a column of the label's table that settles
        the label (each value goes with one label, five rows a value at least), rows of one key with
        equal values are laid beside each other: the view's table may not know the value before the
        label's table does. Blocks on any such row if the two tables agree on 95 per cent of
        what they both say; else it warns, for the view's table foretells and does not know.
        Above 2,000,000 rows an even share of the keys is looked at.

    Why it is bad:
        Such a row could not exist yet: the table's ``known`` is wrong, and every window over it sees
        the future, though of other examples. No rule that looks at features alone can tell.
        Kapoor & Narayanan (Patterns 2023), type L3.1; on flights it lifts the AUC by .011.

    Example:
        Flights with their arrival delay, declared as known at the *scheduled* departure.
    """
    label = subject.label
    if label is None or not subject.tables:
        return _silent("No view says which table it reads.")
    looked, found = 0, []
    truth = _thinned(label.rows, label.on, _share(label))
    settling = _settling(label, truth)
    for source in subject.tables:
        own = source.table == label.table and source.known == label.known
        schema = source.rows.collect_schema()
        if own or not set(label.on) <= set(schema.names()):
            continue
        columns = _columns(label, settling, schema)
        looked += bool(columns)
        rows = _thinned(source.rows, label.on, _share(label))
        told = [
            one
            for name, said in columns.items()
            if (one := _look(label, source, rows, truth, name, said))
        ]
        if told:
            found.append(max(told, key=lambda one: (one.blocks, one.early)))
    if not looked:
        return _silent("No view reads a table that says what the label is, but the label's own.")
    if not found:
        return Finding(
            rule="L007",
            severity="clear",
            sentence=f"{looked} of the views' tables say what the label is, none of them before it"
            " is known.",
        )
    found.sort(key=lambda one: (not one.blocks, -one.early))
    sentence = "; ".join(one.tell(label) for one in found)
    return Finding(
        rule="L007",
        severity="block" if found[0].blocks else "warn",
        sentence=f"{sentence[0].upper()}{sentence[1:]}.",
        rows=found[0].early,
        measured=found[0].early / found[0].rows,
    )


def _silent(sentence: str) -> Finding:
    return Finding(rule="L007", severity="not_applicable", sentence=sentence)


def _share(label: LabelTable) -> int:
    """Return of how many keys one is looked at."""
    rows: int = label.rows.select(pl.len()).collect(engine="streaming").item()
    return -(-rows // _MOST_ROWS)


def _thinned(rows: pl.LazyFrame, on: tuple[str, ...], share: int) -> pl.LazyFrame:
    if share <= 1:
        return rows
    return rows.filter(pl.struct(on).hash(7) % share == 0)


def _settling(label: LabelTable, truth: pl.LazyFrame) -> list[str]:
    """Return the columns of the label's table of which each value goes with one label."""
    skipped = {*label.on, label.known, label.event}
    schema = truth.collect_schema()
    names = [
        name
        for name, dtype in schema.items()
        if name not in skipped and not dtype.is_nested() and not dtype.is_temporal()
    ]
    said = truth.with_columns(label.value.alias("__label")).filter(pl.col("__label").is_not_null())
    pairs = [pl.struct(name, "__label").n_unique().alias(f"p{at}") for at, name in enumerate(names)]
    values = [pl.col(name).n_unique().alias(f"v{at}") for at, name in enumerate(names)]
    sizes = said.select(
        pl.len().alias("rows"), pl.col("__label").n_unique().alias("labels"), *pairs, *values
    ).collect()
    if not sizes["rows"][0] or sizes["labels"][0] < 2:
        return []
    rows = sizes["rows"][0]
    return [
        name
        for at, name in enumerate(names)
        if sizes[f"p{at}"][0] == sizes[f"v{at}"][0] and sizes[f"v{at}"][0] * _MANY <= rows
    ]


def _columns(label: LabelTable, settling: list[str], schema: pl.Schema) -> dict[str, pl.Expr]:
    """Return what a table says of the label, by the name it is told under."""
    read = tuple(dict.fromkeys(label.value.meta.root_names()))
    columns = {}
    if read and set(read) <= set(schema.names()):
        columns[", ".join(read)] = label.value
    for name in settling:
        if name in schema and name not in columns:
            columns[name] = pl.col(name)
    return columns


def _look(
    label: LabelTable,
    source: FeatureTable,
    rows: pl.LazyFrame,
    truth: pl.LazyFrame,
    name: str,
    said: pl.Expr,
) -> _Early | None:
    """Lay the two tables' rows of one key and value beside each other."""
    on = list(label.on)
    mine = _first(rows, on, said, source.known, "known")
    theirs = _first(truth, on, said, label.known, "label_known")
    try:
        both = mine.join(theirs, on=on, suffix="_label").collect(engine="streaming")
    except pl.exceptions.PolarsError:
        return None  # the keys or the values are of other types: not the same thing
    if both.is_empty():
        return None
    equal = both.filter(pl.col("said") == pl.col("said_label"))
    early = equal.filter(pl.col("known") < pl.col("label_known"))
    if early.is_empty():
        return None
    worst = early.sort(pl.col("known") - pl.col("label_known"), *on).row(0, named=True)
    return _Early(
        source=source,
        column=name,
        early=early.height,
        rows=equal.height,
        agree=equal.height / both.height if both.height >= _FEWEST else 1.0,
        who=tuple(worst[column] for column in on),
        known=worst["known"],
        label_known=worst["label_known"],
        mend=_mend(rows, truth, label, source),
    )


def _first(rows: pl.LazyFrame, on: list[str], said: pl.Expr, known: str, name: str) -> pl.LazyFrame:
    """Return from when on each key had each value."""
    return (
        rows.select(*on, said.alias("said"), pl.col(known).dt.epoch("us").alias(name))
        .drop_nulls()
        .group_by(*on, "said")
        .agg(pl.col(name).min())
    )


def _mend(rows: pl.LazyFrame, truth: pl.LazyFrame, label: LabelTable, source: FeatureTable) -> str:
    """Return the table's own column of times that is the label's known time, if it has one."""
    schema = rows.collect_schema()
    on, known = list(label.on), pl.col(label.known).dt.epoch("us").alias("label_known")
    names = [
        name
        for name, dtype in schema.items()
        if isinstance(dtype, pl.Datetime) and name not in (*on, source.known)
    ]
    if not names:
        return ""
    times = rows.select(
        *on, *(pl.col(name).dt.epoch("us").alias(f"t{at}") for at, name in enumerate(names))
    )
    late = (
        times.join(truth.select(*on, known), on=on)
        .select((pl.col(f"t{at}") >= pl.col("label_known")).mean() for at in range(len(names)))
        .collect(engine="streaming")
        .row(0)
    )
    fits = [name for name, share in zip(names, late, strict=True) if share == 1.0]
    return fits[0] if fits else ""
