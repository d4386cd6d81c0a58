"""A table that says what the label is before the label is known is found, and named."""

from __future__ import annotations

import numpy as np
import polars as pl

from lapwise.core.evidence import Finding
from lapwise.data.leakage.find import find_leakage
from lapwise.data.leakage.model import FeatureTable, LabelTable
from tests.data.leakage.test_find import honest, split
from tests.data.worlds import HOUR, UTC

LATE = pl.col("delay") > 15
LANDED = pl.DataFrame({"id": np.arange(400), "delay": np.arange(400) % 40 - 10}).with_columns(
    landed=pl.Series(np.arange(400) * HOUR + 5 * HOUR).cast(UTC),
    scheduled=pl.Series(np.arange(400) * HOUR).cast(UTC),
    plane=pl.format("N{}", pl.col("id") % 7),
)


def known_too_soon(
    rows: pl.DataFrame,
    known: str,
    truth: pl.DataFrame = LANDED,
    value: pl.Expr = LATE,
) -> Finding:
    """Lay a view's table beside the label's."""
    label = LabelTable("arrivals", ("id",), value, "landed", "landed", truth.lazy())
    tables = [FeatureTable("departures", ("plane", "port"), known, rows.lazy())]
    findings = find_leakage(
        honest(), features=["wind"], split=split(), row="id", tables=tables, label=label
    )
    return findings[-1]


def test_a_table_that_knows_the_label_too_soon_is_found_and_named() -> None:
    """By the scheduled time it tells what is known on landing; the column to declare is named."""
    found = known_too_soon(LANDED, "scheduled")
    assert (found.rule, found.severity, found.rows, found.measured) == ("L007", "block", 400, 1.0)
    assert found.name == "known before the label"
    for words in (
        "View 'plane' and 'port': table 'departures' says 'delay'",
        "'arrivals' knows it, in 400 of 400 rows (100.0%)",
        "at worst id=0, from 1970-01-01T00:00:00Z instead of 1970-01-01T05:00:00Z",
        "declare table 'departures' with known=\"landed\"",
        "or, if it truly knows that earlier, declare the label on it",
    ):
        assert words in found.sentence
    assert known_too_soon(LANDED, "landed").severity == "clear"
    unnamed = known_too_soon(LANDED.drop("landed"), "scheduled").sentence
    assert "with known=\"...\" when 'delay' is known" in unnamed


def test_a_table_without_what_the_label_reads_is_honest() -> None:
    """When a plane left is known before it lands, and says nothing of how late it will."""
    left = LANDED.select("id", "plane", "scheduled", left=pl.col("delay") * 3 % 7)
    assert known_too_soon(left, "scheduled").severity == "not_applicable"
    strangers = LANDED.rename({"id": "number"})
    assert known_too_soon(strangers, "scheduled").severity == "not_applicable"
    texts = LANDED.with_columns(pl.col("id").cast(pl.String))
    assert known_too_soon(texts, "scheduled").severity == "clear"


def test_a_column_that_settles_the_label_counts_as_the_label() -> None:
    """The label reads 'late'; the table has the delay from which 'late' was made."""
    truth = LANDED.with_columns(late=pl.col("delay") > 15)
    found = known_too_soon(LANDED, "scheduled", truth, pl.col("late"))
    assert found.severity == "block"
    assert "says 'delay'" in found.sentence
    unique = truth.with_columns(odd=pl.int_range(pl.len()))  # each value once settles nothing
    rows = unique.drop("delay", "late")
    assert known_too_soon(rows, "scheduled", unique, pl.col("late")).severity == "not_applicable"


def test_a_foretelling_only_warns_and_a_few_rows_are_enough() -> None:
    """Estimates that come true now and then do not know; one row of the past that does, does."""
    guess = LANDED.with_columns(delay=pl.col("delay") + pl.col("id") % 3 * 9)
    found = known_too_soon(guess, "scheduled")
    assert found.severity == "warn"
    assert "as foretellings do" in found.sentence
    one = LANDED.with_columns(
        mixed=pl.when(pl.col("id") == 7).then("scheduled").otherwise("landed")
    )
    found = known_too_soon(one, "mixed")
    assert (found.severity, found.rows) == ("block", 1)
    assert "id=7" in found.sentence


def test_corrections_are_laid_beside_each_other_by_value() -> None:
    """What was known wrong at first is not known too soon when it is put right."""
    wrong = LANDED.head(50).with_columns(
        delay=pl.lit(0, pl.Int64), landed=pl.col("landed") - pl.duration(hours=1)
    )
    both = pl.concat([wrong, LANDED])
    assert known_too_soon(both, "landed", both).severity == "clear"


def test_a_row_that_is_told_again_was_known_from_the_first() -> None:
    """The label's table wrote each of its rows once more, a day later."""
    again = pl.concat([LANDED, LANDED.with_columns(pl.col("landed") + pl.duration(days=1))])
    assert known_too_soon(LANDED, "landed", again).severity == "clear"


def test_so_few_rows_say_nothing_of_how_often_they_agree() -> None:
    """Nine of ten agree, which among many would be a foretelling."""
    guess = LANDED.with_columns(
        delay=pl.col("delay") + pl.when(pl.col("id") % 10 == 4).then(90).otherwise(0)
    )
    assert known_too_soon(guess, "scheduled").severity == "warn"
    few = known_too_soon(guess.head(10), "scheduled")
    assert (few.severity, few.rows) == ("block", 9)


def test_a_column_that_is_late_in_some_rows_is_not_offered() -> None:
    """Only one that is never before the label mends the declaration."""
    mixed = LANDED.select(
        "id", "delay", "plane", "scheduled",
        arrived=pl.when(pl.col("id") % 2 == 0).then("landed").otherwise("scheduled"),
    )  # fmt: skip
    assert 'known="arrived"' not in known_too_soon(mixed, "scheduled").sentence


def test_the_labels_own_table_is_not_laid_beside_itself() -> None:
    """A view over the label's table knows when the label does."""
    label = LabelTable("a", ("id",), LATE, "landed", "landed", LANDED.lazy())
    tables = [FeatureTable("a", ("plane",), "landed", LANDED.lazy())]
    found = find_leakage(
        honest(), features=["wind"], split=split(), row="id", tables=tables, label=label
    )[-1]
    assert found.severity == "not_applicable"
