"""On-demand features are the same for one row and for many, with or without the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lapwise.core.errors import DeclarationError, FeatureError
from lapwise.features.expressions.demand import OnDemand, OnDemandDefinition, on_demand
from lapwise.features.expressions.proof import prove_elementwise


def calendar(scheduled_departure: pl.Expr) -> dict[str, pl.Expr]:
    """Return what the page of the flights example declares."""
    return {"hour": scheduled_departure.dt.hour(), "weekday": scheduled_departure.dt.weekday()}


def departures() -> pl.DataFrame:
    """Return departures an hour and a half apart, one of them unknown."""
    start = datetime(2013, 1, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=90 * step) for step in range(40)]
    return pl.DataFrame({"scheduled_departure": [*times, None], "other": [1.0] * 41})


def test_computes_named_features_of_inputs() -> None:
    """Parameters name input columns and keys name features; an hour of UTC is the hour in UTC."""
    features = on_demand(calendar)
    assert features.name == "calendar"
    assert features.inputs == ("scheduled_departure",)
    assert features.outputs == ("hour", "weekday")
    frame = features.compute(departures())
    assert frame.row(1) == (1, 2)
    assert frame.row(40) == (None, None)
    prove_elementwise(features, departures())


def test_an_output_may_hide_an_input_without_changing_the_next_one() -> None:
    """All expressions read the inputs as they came."""

    @on_demand
    def both(x: pl.Expr) -> dict[str, pl.Expr]:
        return {"x": x + 1, "y": x * 10}

    assert both.compute(pl.DataFrame({"x": [1, 2]})).rows() == [(2, 10), (3, 20)]


def test_the_definition_alone_computes_the_same() -> None:
    """Serving needs the kept definition, not the page; its digest names it."""
    features = on_demand(calendar)
    again = OnDemand.of(features.definition)
    assert again == features
    assert again.digest == features.digest
    assert_frame_equal(again.compute(departures()), features.compute(departures()))


def test_another_expression_is_another_version() -> None:
    """The expression is part of the digest."""

    def other(scheduled_departure: pl.Expr) -> dict[str, pl.Expr]:
        return {**calendar(scheduled_departure), "hour": scheduled_departure.dt.hour() + 1}

    other.__name__ = "calendar"
    assert on_demand(other).digest != on_demand(calendar).digest


def test_a_kept_definition_is_not_trusted() -> None:
    """A definition that was tampered with is refused before Polars reads it."""
    python = '{"AnonymousFunction":{"input":[{"Column":"x"}],"function":[1,2,3]}}'
    definition = OnDemandDefinition(name="bad", inputs=("x",), outputs=(("y", python),))
    with pytest.raises(DeclarationError, match="map_elements"):
        OnDemand.of(definition)


def test_refuses_what_is_not_declared_well() -> None:
    """A stray column, a plain value, an exception, no output: each is one clear error."""
    bad: list[tuple[Any, str]] = [
        (lambda x: {"y": x + pl.col("z")}, "not a parameter"),
        (lambda x: {"y": 1}, "not a Polars expression"),
        (lambda x: {"y": x.no_such_thing()}, "raised when it was declared"),
        (lambda x: {}, "must take columns and return features"),
        (lambda: {"y": pl.lit(1)}, "must take columns and return features"),
    ]
    for function, words in bad:
        with pytest.raises(DeclarationError, match=words):
            on_demand(function)


def test_names_the_missing_input_and_the_wrong_type() -> None:
    """Bad requests give FeatureErrors."""
    features = on_demand(calendar)
    with pytest.raises(FeatureError, match="scheduled_departure"):
        features.compute(pl.DataFrame({"other": [1]}))
    with pytest.raises(FeatureError, match="cannot be computed"):
        features.compute(pl.DataFrame({"scheduled_departure": ["x"]}))


def test_one_row_is_divided_as_many_are() -> None:
    """Polars multiplies many rows by the reciprocal, and divides a single one."""

    @on_demand
    def hours(minutes: pl.Expr, by: pl.Expr) -> dict[str, pl.Expr]:
        return {"hours": minutes / 60.0, "third": minutes / by}

    rows = pl.DataFrame({"minutes": [0.1 * n for n in range(300)], "by": [3.0] * 300})
    many = hours.compute(rows)
    assert [hours.compute(rows[place]).row(0) for place in range(300)] == many.rows()
    raw = [rows[place].select(pl.col("minutes") / 60.0).item() for place in range(300)]
    assert raw != many["hours"].to_list()  # else there would be nothing to mend
    prove_elementwise(hours, rows[:20])


def test_a_column_made_of_a_literal_is_a_column() -> None:
    """Polars keeps such a column as one value, and would multiply by its reciprocal."""

    @on_demand
    def third(x: pl.Expr, by: pl.Expr) -> dict[str, pl.Expr]:
        return {"third": x / by}

    rows = pl.DataFrame({"x": [0.1 * n for n in range(300)]})
    made = third.compute(rows.with_columns(by=pl.lit(3.0)))
    assert made["third"].to_list() == [x / 3.0 for x in rows["x"]]


def test_chunks_change_nothing() -> None:
    """Rows that came one by one give what they give in one piece."""

    @on_demand
    def mixed(x: pl.Expr, y: pl.Expr) -> dict[str, pl.Expr]:
        return {"a": x / 7.0, "b": x / y, "c": x % 0.3, "d": pl.when(x > y).then(x).otherwise(y)}

    rows = pl.DataFrame({"x": [0.1 * n for n in range(60)], "y": [1.5 + n for n in range(60)]})
    pieces = pl.concat([rows[place] for place in range(60)], rechunk=False)
    assert pieces["x"].n_chunks() > 1
    assert_frame_equal(mixed.compute(pieces), mixed.compute(rows))


def test_a_panic_of_polars_is_an_error_of_the_feature() -> None:
    """An instant that no calendar has must not take a server down."""

    @on_demand
    def month(at: pl.Expr) -> dict[str, pl.Expr]:
        return {"month": at.dt.month_start()}

    far = pl.DataFrame({"at": pl.Series([2**63 - 1], dtype=pl.Int64).cast(pl.Datetime("us"))})
    with pytest.raises(FeatureError, match="cannot be computed"):
        month.compute(far)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        '{"BinaryExpr":{}}',
        '{"Cast":[]}',
        '{"Function":{"input":3}}',
        "7",
        "null",
    ],
)
def test_a_definition_that_cannot_be_read_is_refused(text: str) -> None:
    """Whatever a store holds gives one kind of error."""
    with pytest.raises(DeclarationError):
        OnDemand.of(OnDemandDefinition(name="bad", inputs=("x",), outputs=(("y", text),)))


@pytest.mark.parametrize("size", [150, 5000])
def test_an_expression_that_is_too_deep_is_refused_when_it_is_declared(size: int) -> None:
    """Polars can write it, but not read it again."""

    def deep(x: pl.Expr) -> dict[str, pl.Expr]:
        for _ in range(size):
            x = x + 1
        return {"deep": x}

    with pytest.raises(DeclarationError, match=r"cannot be read(?s:.)*may read another"):
        on_demand(deep)
