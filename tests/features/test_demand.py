"""On-demand features are the same for one row and for many, with or without the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lapwise.core.digest import encode_canonical
from lapwise.core.errors import DeclarationError, FeatureError
from lapwise.features.demand import OnDemand, OnDemandDefinition, on_demand, prove_elementwise


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


def test_the_probe_finds_what_the_list_let_through() -> None:
    """A feature whose value depends on its neighbours fails the proof, bit by bit."""
    text = pl.col("x").mean().alias("y").meta.serialize(format="json")
    definition = OnDemandDefinition(name="sly", inputs=("x",), outputs=(("y", text),))
    sly = OnDemand("sly", ("x",), ("y",), encode_canonical(definition).decode())
    with pytest.raises(FeatureError, match="depends on other rows"):
        prove_elementwise(sly, pl.DataFrame({"x": [1.0, 2.0]}))
